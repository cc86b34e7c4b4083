// What scripts/browser-tools installed. It does not lie beside these files, so it is asked for by its folder.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { resolve } = createRequire(`${process.env.BROWSER_TOOLS}/`);

export const { chromium } = await import(resolve("playwright-core")).then((module) => module.default);

/** axe-core, as a script that a page runs. */
export const axe = readFileSync(resolve("axe-core/axe.min.js"), "utf8");
