// Announces each article when it is published.

import { type Call, type Outcome, behavior, effects } from "../rosehip/index.js";

export const guest = behavior({
  manifest: {
    name: "{{name}}",
    version: "0.1.0",
    description: "Announces each article when it is published.",
    triggers: [{ on: "Create", object: "Article", transition: { field: "status", to: "published" } }],
    nodes: [{ id: "announce", label: "Announce", kind: "step" }],
    effects: ["log"],
  },
  nodes: { announce },
});

function announce({ object }: Call): Outcome {
  const title = object.name?.trim() ? object.name : "Untitled";
  return { effects: [effects.log(`published: ${title}`, "info")] };
}
