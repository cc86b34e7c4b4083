// Lines for the people who read a flow. A line changes nothing about it.

import { write as writeToFlow } from "#host";

export function debug(message) {
  write("debug", message);
}

export function info(message) {
  write("info", message);
}

export function warn(message) {
  write("warn", message);
}

export function error(message) {
  write("error", message);
}

/** A lone surrogate has no UTF-8, and a line must never end a call. */
function write(level, message) {
  writeToFlow(level, String(message).toWellFormed());
}
