// The category of an article, which decides who hears of it.

import { trim } from "./text.js";

/** The branches of the node that sorts by category. */
export const BRANCHES = ["urgent", "newsletter", "other"];

/**
 * What an article was filed under, in lower case: the category field, else the first hashtag, else null.
 *
 * @param {import("../rosehip/index.js").Article} article
 */
export function categoryOf({ category, tag }) {
  const hashtag = tag?.find((tag) => tag.type === "Hashtag");
  return normal(category) ?? normal(hashtag?.name);
}

/** The branch to take. An article that says nothing is never urgent. @param {string | null} category */
export function branchOf(category) {
  return category === "urgent" || category === "newsletter" ? category : "other";
}

/** @param {string | null | undefined} name */
function normal(name) {
  return trim(trim(name ?? "").replace(/^#+/, "")).toLowerCase() || null;
}
