// Write rosehip behaviors in JavaScript or TypeScript. index.d.ts documents what is exported.

import { Failure, fatal, failureOf } from "./failure.js";
import "./console.js";

export * as effects from "./effects.js";
export { Failure, fatal, retry } from "./failure.js";
export * as finding from "./finding.js";
export * as log from "./log.js";

/** The version of the Manifest, Call and Outcome documents that this module writes and reads. */
const DOCUMENT_VERSION = 1;

export function behavior({ manifest, nodes }) {
  checkNodes(manifest, nodes);
  // Written once, when the component is made, so that `describe` cannot give two answers.
  const description = JSON.stringify({ v: DOCUMENT_VERSION, ...manifest });
  return {
    describe: () => description,
    run(document) {
      try {
        return answer(nodes, document);
      } catch (error) {
        // What a WIT function throws for its error is the plain variant.
        throw failureOf(error);
      }
    },
  };
}

export function output(call, node) {
  return call.input[node]?.output ?? null;
}

/** A slip in what belongs together ends the build, not the first flow. */
function checkNodes(manifest, nodes) {
  const called = manifest.nodes.filter((node) => node.kind !== "wait").map((node) => node.id);
  const without = called.find((id) => !Object.hasOwn(nodes, id));
  if (without !== undefined) throw new Error(`the node ${without} of the manifest has no function`);
  const unknown = Object.keys(nodes).find((id) => !called.includes(id));
  if (unknown !== undefined) throw new Error(`the function ${unknown} belongs to no step or each of the manifest`);
}

function answer(nodes, document) {
  const call = JSON.parse(document);
  if (call.v !== DOCUMENT_VERSION) {
    throw fatal(`the call is of version ${call.v}, this behavior reads version ${DOCUMENT_VERSION}`);
  }
  if (!Object.hasOwn(nodes, call.node)) throw fatal(`this behavior has no node ${call.node}`);
  return outcome(call.node, nodes[call.node](call));
}

function outcome(node, returned) {
  if (returned instanceof Failure) throw returned;
  // Nothing ever runs a promise's continuation: there is nothing to wait for in a pure function.
  if (typeof returned?.then === "function") throw fatal(`the node ${node} returned a promise; nodes are synchronous`);
  if (returned !== undefined && (returned === null || typeof returned !== "object" || Array.isArray(returned))) {
    throw fatal(`the node ${node} returned no outcome: return { output, branch, effects } or nothing`);
  }
  try {
    return JSON.stringify({ v: DOCUMENT_VERSION, effects: [], ...returned });
  } catch (error) {
    throw fatal(`the node ${node} returned what JSON cannot write: ${error.message}`);
  }
}
