// An article, as far as this behavior reads it. An absent member is empty; one of another type fails the node, since no
// attempt will mend it.

import { fatal } from "../rosehip/index.js";

/**
 * @typedef {object} Article
 * @property {string} id
 * @property {string} name
 * @property {string} content
 * @property {string | null} category
 * @property {{ type: string, name: string }[]} tag
 * @property {string} slug
 * @property {string} url
 */

/** @param {any} object @returns {Article} */
export function article(object) {
  return {
    id: text(object, "id"),
    name: text(object, "name"),
    content: text(object, "content"),
    category: object.category == null ? null : text(object, "category"),
    tag: tags(object),
    slug: text(object, "slug"),
    url: text(object, "url"),
  };
}

/** @param {any} object */
function tags(object) {
  const tags = object.tag === undefined ? [] : object.tag;
  if (!Array.isArray(tags)) throw fatal("the object's tag is no list");
  return tags.map((tag) => ({ type: text(tag, "type"), name: text(tag, "name") }));
}

/** @param {any} of @param {string} member */
function text(of, member) {
  const value = of?.[member] === undefined ? "" : of[member];
  if (typeof value !== "string") throw fatal(`the object's ${member} is no text`);
  return value;
}
