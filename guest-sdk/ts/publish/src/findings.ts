// What is right and wrong with an article.

import { type Article, type Finding, finding } from "../rosehip/index.js";
import { type Piece, pieces } from "./body.ts";
import { SPACE, asciiLower, first, isBlank, length, trim } from "./text.ts";

/** A title longer than this is cut by most that show it. */
const TITLE_CHARS = 200;

/** Characters of an unfinished link that are shown. */
const SHOWN_CHARS = 60;

/** White space, control characters, and what an address has to escape (RFC 3986 §2). */
const FORBIDDEN = new RegExp(String.raw`[${SPACE}\0-\x1f\x7f-\x9f<>"{}|\\^\x60]`);

/** Every finding about an article: title, slug, body, then its links and images in their order. */
export function findingsOf({ name, slug, content }: Article): Finding[] {
  const body = pieces(content);
  return [title(name), address(slug), hasContent(body), ...body.map(ofPiece)].filter((found) => found !== null);
}

function title(title: string): Finding | null {
  if (isBlank(title)) return finding.error("title", "required", "The article has no title.");
  if (length(title) <= TITLE_CHARS) return null;
  return finding.warning("title", "length", `The title is longer than ${TITLE_CHARS} characters.`);
}

function address(slug: string): Finding | null {
  if (slug === "") return finding.error("slug", "required", "The article has no slug.");
  if (/^[a-z0-9]+(-[a-z0-9]+)*$/.test(slug)) return null;
  const message = `The slug "${slug}" is not made of lower-case letters, digits and single hyphens.`;
  return finding.error("slug", "format", message);
}

function hasContent(body: Piece[]): Finding | null {
  const saysSomething = body.some(
    (piece) => piece.kind === "image" || ((piece.kind === "text" || piece.kind === "code") && !isBlank(piece.text)),
  );
  return saysSomething ? null : finding.error("body", "required", "The article has no body.");
}

function ofPiece(piece: Piece): Finding | null {
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

function link(target: string): Finding | null {
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

function image(source: string, alt: string | null): Finding | null {
  const flaw = flawOf(source);
  if (flaw === "empty" || flaw === "malformed") {
    return finding.error("body", "image-source", `The image "${source}" has no working address.`);
  }
  if (alt !== null && !isBlank(alt)) return null;
  return finding.warning("body", "image-alt", `The image ${source} has no text for those who do not see it.`);
}

/** Markdown leaves the signs of a link that it could not read in the text. */
function unfinished(text: string): Finding | null {
  const at = text.indexOf("](");
  if (at < 0) return null;
  const bracket = text.slice(0, at).lastIndexOf("[");
  const shown = first(text.slice(bracket < 0 ? at : bracket), SHOWN_CHARS);
  return finding.error("body", "link-syntax", `A link is not finished: ${trim(shown)}`);
}

/** What is wrong with where a link goes. */
type Flaw = "empty" | "malformed" | "relative";

/** Looks at an address as RFC 3986 §3 splits it, as far as that tells a slip from a choice. */
function flawOf(address: string): Flaw | null {
  const target = trim(address);
  if (target === "" || target === "#") return "empty";
  if (target.startsWith("#")) return null;
  if (FORBIDDEN.test(target)) return "malformed";
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(target)?.[1];
  if (scheme === undefined) return "relative";
  return isWellFormed(asciiLower(scheme), target.slice(scheme.length + 1)) ? null : "malformed";
}

function isWellFormed(scheme: string, rest: string): boolean {
  if (scheme === "http" || scheme === "https") return rest.startsWith("//") && hasHost(rest.slice(2));
  if (scheme === "mailto") return /^[^@]+@./s.test(rest);
  return rest !== "";
}

/** Whether what follows `//` begins with a host: not empty, and no empty label in it. */
function hasHost(rest: string): boolean {
  const authority = rest.split(/[/?#]/, 1)[0];
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  if (host.startsWith("[")) return host.includes("]");
  const name = host.split(":", 1)[0];
  return name.replace(/\.+$/, "").split(".").every((label) => label !== "");
}
