// Why a call gave no Outcome, and what people read of an exception that nobody expected.

import { readable } from "./stack.js";

export class Failure extends Error {
  constructor(kind, message) {
    super(message);
    this.name = "Failure";
    this.kind = kind;
  }
}

export function retry(message) {
  return new Failure("retry", message);
}

export function fatal(message) {
  return new Failure("fatal", message);
}

/** The WIT variant `failure` for whatever was thrown. A lone surrogate has no UTF-8, so none may be left in it. */
export function failureOf(thrown) {
  if (thrown instanceof Failure) return { tag: thrown.kind, val: thrown.message.toWellFormed() };
  return { tag: "fatal", val: describe(thrown).toWellFormed() };
}

function describe(thrown) {
  if (!(thrown instanceof Error)) return `a value that is no Error was thrown: ${String(thrown)}`;
  return [`${thrown.name}: ${thrown.message}`, ...readable(thrown.stack)].join("\n");
}
