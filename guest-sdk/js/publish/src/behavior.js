// What happens when an article is published: validate it, then tell people now, with the next digest, or not at all.
//
//     validate ─ urgent ──────→ notify
//              ─ newsletter ──→ wait ─→ digest
//              ─ other ───────→ skip
//
// The branch follows from the category alone, never from the findings: they are for the editor to read.

import { behavior, effects, output } from "../rosehip/index.js";
import { excerpt } from "./body.js";
import { BRANCHES, branchOf, categoryOf } from "./category.js";
import { config_schema } from "./config.js";
import { findingsOf } from "./findings.js";
import { trim } from "./text.js";

/** Characters of the body that a message carries. */
const EXCERPT_CHARS = 280;

/** What a document may leave out. */
const EMPTY = { id: "", name: "", content: "", slug: "", url: "" };

/**
 * @typedef {{ channel?: string | null }} Config What the nodes read of the operator's config; the wait reads `digest`.
 * @typedef {import("../rosehip/index.js").Call<Article, Config>} Call
 * @typedef {import("../rosehip/index.js").Article} Article
 * @typedef {import("../rosehip/index.js").WaitOutput} WaitOutput
 */

export const guest = behavior({
  manifest: {
    name: "{{name}}",
    version: "1.0.0",
    description:
      "Checks an article when it is published, then notifies now (urgent), with the next digest (newsletter), or not at all.",
    triggers: [{ on: "Create", object: "Article", transition: { field: "status", to: "published" } }],
    nodes: [
      { id: "validate", label: "Validate", kind: "step", branches: BRANCHES },
      { id: "notify", label: "Notify now", kind: "step" },
      { id: "wait", label: "Wait for the digest", kind: "wait", wait: { until: "/config/digest" } },
      { id: "digest", label: "Add to the digest", kind: "step" },
      { id: "skip", label: "Notify nobody", kind: "step" },
    ],
    edges: [
      { from: "validate", when: "urgent", to: "notify" },
      { from: "validate", when: "newsletter", to: "wait" },
      { from: "wait", when: "fired", to: "digest" },
      { from: "validate", when: "other", to: "skip" },
    ],
    effects: ["validate", "notify"],
    config_schema,
  },
  nodes: { validate, notify, digest, skip: () => {} },
});

/** @param {Call} call */
function validate({ object }) {
  const article = { ...EMPTY, ...object };
  const verdict = effects.validate(findingsOf(article));
  const category = categoryOf(article);
  return { output: { valid: verdict.payload.valid, category }, branch: branchOf(category), effects: [verdict] };
}

/** @param {Call} call */
function notify({ object, config }) {
  return { effects: [effects.notify(message(object, config))] };
}

/** Adds the article to the digest that the wait was for, unless it has been taken back meanwhile. @param {Call} call */
function digest(call) {
  if (call.current?.status !== "published") return;
  /** @type {WaitOutput} */
  const { at } = output(call, "wait");
  return { effects: [effects.notify({ ...message(call.object, call.config), batch: at })] };
}

/** @param {Article} article @param {Config} config */
function message(article, config) {
  const { name, slug, id, content, url } = { ...EMPTY, ...article };
  return {
    channel: config.channel ?? undefined,
    subject: [name, slug, id].map(trim).find((text) => text !== "") ?? "Untitled",
    text: excerpt(content, EXCERPT_CHARS),
    url: url || undefined,
  };
}
