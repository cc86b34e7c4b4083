// Under Node, where a behavior's own functions are tested, there is no flow: lines go to the terminal.
const terminal = globalThis.console;

/** @param {"debug" | "info" | "warn" | "error"} level @param {string} message */
export function write(level, message) {
  terminal[level](message);
}
