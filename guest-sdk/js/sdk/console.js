// The engine has no console. This one writes to the flow's log, so that what is printed out of habit, or by a package,
// is seen there rather than an exception. Where there is a console already, as under Node, it stays.

import * as log from "./log.js";

/** What is shown of a value before it is cut. */
const SHOWN = 2000;

function line(values) {
  return values.map(shown).join(" ");
}

function shown(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    const text = JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? String(inner) : inner));
    return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
  } catch {
    return Object.prototype.toString.call(value);
  }
}

globalThis.console ??= {
  debug: (...values) => log.debug(line(values)),
  log: (...values) => log.info(line(values)),
  info: (...values) => log.info(line(values)),
  warn: (...values) => log.warn(line(values)),
  error: (...values) => log.error(line(values)),
};
