// Reads the engine's stack traces, whose lines are those of the bundle, as lines of the author's sources.

/** How many places in the source are worth showing. */
const FRAMES = 5;

/**
 * Where an exception passed through, innermost first, as `    at announce (src/behavior.js:12)`. Frames of this SDK
 * are left out: they are never the cause.
 *
 * @param {string | undefined} stack
 */
export function readable(stack) {
  const frames = (stack ?? "").split("\n").map(frame).filter(Boolean);
  return frames.slice(0, FRAMES);
}

function frame(line) {
  const place = /^\s*at (.*?) ?\(?([^\s():]+):(\d+):\d+\)?$/.exec(line);
  if (!place) return null;
  const [, name, file, number] = place;
  const source = sourceOf(Number(number)) ?? `${file}:${number}`;
  if (source.startsWith("rosehip/")) return null;
  return `    at ${name ? `${name} (${source})` : source}`;
}

/**
 * The line of a source file that a line of the bundle was made of. bundle.js leaves the table: runs of
 * [first line, how many, file, its line], in the order of the bundle's lines.
 */
function sourceOf(line) {
  const table = globalThis.rosehipSources;
  const run = table?.runs.find(([first, count]) => first <= line && line < first + count);
  return run && `${table.files[run[2]]}:${run[3] + line - run[0]}`;
}
