// What is right and wrong with an article.

import { finding } from "../rosehip/index.js";
import { pieces } from "./body.js";
import { SPACE, asciiLower, first, isBlank, length, trim } from "./text.js";

/** A title longer than this is cut by most that show it. */
const TITLE_CHARS = 200;

/** Characters of an unfinished link that are shown. */
const SHOWN_CHARS = 60;

/** White space, control characters, and what an address has to escape (RFC 3986 §2). */
const FORBIDDEN = new RegExp(String.raw`[${SPACE}\0-\x1f\x7f-\x9f<>"{}|\\^\x60]`);

/**
 * @typedef {import("../rosehip/index.js").Finding} Finding
 * @typedef {import("./body.js").Piece} Piece
 */

/**
 * Every finding about an article: title, slug, body, then its links and images in their order.
 *
 * @param {import("../rosehip/index.js").Article} article @returns {Finding[]}
 */
export function findingsOf({ name, slug, content }) {
  const body = pieces(content);
  return [title(name), address(slug), hasContent(body), ...body.map(ofPiece)].filter((found) => found !== null);
}

/** @param {string} title */
function title(title) {
  if (isBlank(title)) return finding.error("title", "required", "The article has no title.");
  if (length(title) <= TITLE_CHARS) return null;
  return finding.warning("title", "length", `The title is longer than ${TITLE_CHARS} characters.`);
}

/** @param {string} slug */
function address(slug) {
  if (slug === "") return finding.error("slug", "required", "The article has no slug.");
  if (/^[a-z0-9]+(-[a-z0-9]+)*$/.test(slug)) return null;
  const message = `The slug "${slug}" is not made of lower-case letters, digits and single hyphens.`;
  return finding.error("slug", "format", message);
}

/** @param {Piece[]} body */
function hasContent(body) {
  const saysSomething = body.some(
    (piece) => piece.kind === "image" || ((piece.kind === "text" || piece.kind === "code") && !isBlank(piece.text)),
  );
  return saysSomething ? null : finding.error("body", "required", "The article has no body.");
}

/** @param {Piece} piece @returns {Finding | null} */
function ofPiece(piece) {
  switch (piece.kind) {
    case "link":
      return link(piece.target);
    case "image":
      return image(piece.source, piece.alt);
    case "text":
      return unfinished(piece.text);
    case "code":
    case "break":
      return null;
  }
}

/** @param {string} target */
function link(target) {
  switch (flawOf(target)) {
    case "empty":
      return finding.error("body", "link-empty", "A link goes nowhere.");
    case "malformed":
      return finding.error("body", "link-malformed", `The link ${target} is not a working address.`);
    case "relative":
      return finding.warning(
        "body",
        "link-relative",
        `The link ${target} only works on this site; use its full address.`,
      );
    case null:
      return null;
  }
}

/** @param {string} source @param {string | null} alt */
function image(source, alt) {
  const flaw = flawOf(source);
  if (flaw === "empty" || flaw === "malformed") {
    return finding.error("body", "image-source", `The image "${source}" has no working address.`);
  }
  if (alt !== null && !isBlank(alt)) return null;
  return finding.warning("body", "image-alt", `The image ${source} has no text for those who do not see it.`);
}

/** Markdown leaves the signs of a link that it could not read in the text. @param {string} text */
function unfinished(text) {
  const at = text.indexOf("](");
  if (at < 0) return null;
  const bracket = text.slice(0, at).lastIndexOf("[");
  const shown = first(text.slice(bracket < 0 ? at : bracket), SHOWN_CHARS);
  return finding.error("body", "link-syntax", `A link is not finished: ${trim(shown)}`);
}

/**
 * What is wrong with where a link goes, as RFC 3986 §3 splits an address, as far as that tells a slip from a choice.
 *
 * @param {string} address @returns {"empty" | "malformed" | "relative" | null}
 */
function flawOf(address) {
  const target = trim(address);
  if (target === "" || target === "#") return "empty";
  if (target.startsWith("#")) return null;
  if (FORBIDDEN.test(target)) return "malformed";
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(target)?.[1];
  if (scheme === undefined) return "relative";
  return isWellFormed(asciiLower(scheme), target.slice(scheme.length + 1)) ? null : "malformed";
}

/** @param {string} scheme @param {string} rest */
function isWellFormed(scheme, rest) {
  if (scheme === "http" || scheme === "https") return rest.startsWith("//") && hasHost(rest.slice(2));
  if (scheme === "mailto") return /^[^@]+@./s.test(rest);
  return rest !== "";
}

/** Whether what follows `//` begins with a host: not empty, and no empty label in it. @param {string} rest */
function hasHost(rest) {
  const authority = rest.split(/[/?#]/, 1)[0];
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  if (host.startsWith("[")) return host.includes("]");
  const name = host.split(":", 1)[0];
  return name.replace(/\.+$/, "").split(".").every((label) => label !== "");
}
