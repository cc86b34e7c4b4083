// Pictures of the main pages, whole, among the results; with UPDATE_SCREENSHOTS=1 what of them is first seen, in docs.
import { mkdirSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { desktop, open, opened, phone } from "./chromium.js";
import { byMouse } from "./hands.js";
import { logIn } from "./person.js";
import { at, result, site } from "./site.js";

const TIME = 300_000;
const DOCS = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));

const pages = {
  flows: "/flows",
  flow: `/flows/${site.flows.waiting}`,
  behaviors: "/behaviors",
  behavior: "/behaviors/publish",
  "what-if": "/behaviors/sort",
  article: "/when-roses-are-pruned/",
  editor: "/when-roses-are-pruned/edit",
  actor: "/actors/site",
  timeline: "/actors/site/timeline",
};

/** Looked at, and not shown in docs. */
const more = {
  front: "/",
  "dead-letter": `/flows/${site.flows.dead}`,
  failed: `/flows/${site.flows.failed}`,
  decision: `/flows/${site.flows.asked}`,
  peers: "/peers",
  notifications: "/actors/site/notifications",
  note: "/actors/site/notes",
  requests: "/actors/garden/followers?state=pending",
  followers: "/actors/site/followers",
  replies: "/objects/Article/when-roses-are-pruned/replies",
  tag: "/tags/garden",
};

describe("pictures", () => {
  let browser;
  before(async () => {
    mkdirSync(DOCS, { recursive: true });
    browser = await open();
  });
  after(() => browser.close());

  for (const [size, viewport] of Object.entries({ desktop, phone })) {
    for (const colorScheme of ["light", "dark"]) {
      it(`${size}, ${colorScheme}`, { timeout: TIME }, async () => {
        const page = await opened(browser, { viewport, colorScheme, reducedMotion: "reduce" });
        await page.goto(at("/login"));
        await logIn({ page, ...byMouse(page) }, "olga");
        for (const [name, address] of Object.entries({ ...pages, ...more })) {
          await page.goto(at(address));
          if (name === "what-if") {
            await page.getByRole("link", { name: "What if" }).first().click();
            await page.getByRole("heading", { name: "What if" }).waitFor();
          }
          const file = `${name}-${size}-${colorScheme}.png`;
          await page.screenshot({ path: result(file), fullPage: true });
          if (process.env.UPDATE_SCREENSHOTS && name in pages) await page.screenshot({ path: `${DOCS}${file}` });
        }
      });
    }
  }
});
