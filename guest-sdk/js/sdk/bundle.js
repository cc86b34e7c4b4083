// Bundles a behavior into one module of the engine's dialect: `node rosehip/bundle.js ENTRY OUT`. It leaves a table of
// where each line came from at the end, with which stack.js tells the author where in the sources a call failed.

import { writeFile } from "node:fs/promises";
import { SourceMap } from "node:module";
import { dirname, relative, resolve, sep } from "node:path";
import { build } from "esbuild";

const [entry, out] = process.argv.slice(2);
if (!entry || !out) {
  console.error("usage: node rosehip/bundle.js ENTRY OUT");
  process.exit(2);
}

const options = {
  entryPoints: [entry],
  outfile: out,
  bundle: true,
  write: false,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
  target: "es2024",
  // The host's own interface is an import of the component, not a file.
  external: ["rosehip:*"],
  charset: "utf8",
  sourcemap: "external",
  sourcesContent: false,
  logLevel: "warning",
};
// esbuild has said what is wrong, so its exception need not.
const { outputFiles } = await build(options).catch(() => process.exit(1));
const code = outputFiles.find((file) => file.path.endsWith(".js")).text;
const map = JSON.parse(outputFiles.find((file) => file.path.endsWith(".map")).text);
await writeFile(out, `${code}globalThis.rosehipSources = ${JSON.stringify(sources(code, map))};\n`);

/** Runs of lines that follow each other in the bundle and in their file: [first line, how many, file, its line]. */
function sources(code, map) {
  const sourceMap = new SourceMap(map);
  const files = map.sources.map((file) => relative(process.cwd(), resolve(dirname(out), file)).split(sep).join("/"));
  const runs = [];
  code.split("\n").forEach((text, index) => {
    const entry = sourceMap.findEntry(index, text.length - text.trimStart().length);
    if (entry.originalSource === undefined || entry.generatedLine !== index) return;
    const [line, file, sourceLine] = [index + 1, map.sources.indexOf(entry.originalSource), entry.originalLine + 1];
    const last = runs.at(-1);
    const follows = last && last[2] === file && last[0] + last[1] === line && last[3] + last[1] === sourceLine;
    if (follows) last[1] += 1;
    else runs.push([line, 1, file, sourceLine]);
  });
  return { files, runs };
}
