// The category of an article, which decides who hears of it.

import type { Article } from "../rosehip/index.js";
import { trim } from "./text.ts";

/** The branches of the node that sorts by category. */
export const BRANCHES = ["urgent", "newsletter", "other"] as const;

/** What an article was filed under, in lower case: the category field, else the first hashtag, else null. */
export function categoryOf({ category, tag }: Article): string | null {
  const hashtag = tag?.find((tag) => tag.type === "Hashtag");
  return normal(category) ?? normal(hashtag?.name);
}

/** The branch to take. An article that says nothing is never urgent. */
export function branchOf(category: string | null): (typeof BRANCHES)[number] {
  return category === "urgent" || category === "newsletter" ? category : "other";
}

function normal(name: string | null | undefined): string | null {
  return trim(trim(name ?? "").replace(/^#+/, "")).toLowerCase() || null;
}
