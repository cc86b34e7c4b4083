// Reads the HTML that the host rendered and sanitized. It is well formed, so this is a scanner of tags, not a parser of
// whatever the web may hold; of what it does not understand it makes text, never a failure.

import { SPACE, asciiLower, length, words } from "./text.ts";

/** A piece of a body, in its order. */
export type Piece =
  /** Text between tags, entities resolved. */
  | { kind: "text"; text: string }
  /** Text inside `code` or `pre`. */
  | { kind: "code"; text: string }
  /** Where an `a` goes. */
  | { kind: "link"; target: string }
  /** An `img`. */
  | { kind: "image"; source: string; alt: string | null }
  /** The start or end of any other element that is not part of a line of text. */
  | { kind: "break" };

/** Elements that stand within a line of text. */
const INLINE = new Set("a abbr b cite code del em i ins kbd mark s small span strong sub sup u".split(" "));

/** What the name of a tag ends with. */
const NAME_END = new RegExp(`[${SPACE}]`);

/** What may end a tag, or hide its end. */
const TAG_EDGE = /["'>]/g;

/** An attribute's name, then its value as it stands in double, single or no quotes. A quote may be left open. */
const ATTRIBUTE = new RegExp(
  `[${SPACE}]*([^=${SPACE}]*)[${SPACE}]*(?:=[${SPACE}]*(?:"([^"]*)"?|'([^']*)'?|([^${SPACE}]*)))?`,
  "y",
);

const ENTITY = /&(?:(amp|lt|gt|quot|nbsp)|#[xX]\+?([0-9a-fA-F]+)|#\+?([0-9]+));/g;

const NAMED: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: "\u{a0}" };

/** Splits a body into pieces. */
export function pieces(html: string): Piece[] {
  const pieces: Piece[] = [];
  let codeDepth = 0;
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf("<", at);
    pushText(pieces, html.slice(at, open < 0 ? html.length : open), codeDepth > 0);
    if (open < 0) break;
    const tag = tagAt(html, open);
    if (!tag) {
      pushText(pieces, html.slice(open), codeDepth > 0);
      break;
    }
    const { name, closes } = tag;
    if (name === "code" || name === "pre") {
      codeDepth = closes ? Math.max(0, codeDepth - 1) : codeDepth + 1;
    } else if (name === "a" && !closes) {
      const target = attribute(tag.attributes, "href");
      if (target !== null) pieces.push({ kind: "link", target });
    } else if (name === "img") {
      const source = attribute(tag.attributes, "src") ?? "";
      pieces.push({ kind: "image", source, alt: attribute(tag.attributes, "alt") });
    }
    if (!INLINE.has(name)) pieces.push({ kind: "break" });
    at = tag.end;
  }
  return pieces;
}

/** The first `chars` characters of the text of a body, on one line, cut at a word. */
export function excerpt(html: string, chars: number): string {
  const text = pieces(html).map(lineOf).join("");
  const kept: string[] = [];
  let taken = 0;
  for (const word of words(text)) {
    taken += length(word) + 1;
    if (taken > chars) return `${kept.join(" ")}…`;
    kept.push(word);
  }
  return kept.join(" ");
}

/** What a piece is in a line of text. */
function lineOf(piece: Piece): string {
  switch (piece.kind) {
    case "text":
    case "code":
      return piece.text;
    case "break":
      return " ";
    case "link":
    case "image":
      return "";
  }
}

/** Appends text, to the text before it if there is some, since an inline tag ends no sentence. */
function pushText(pieces: Piece[], text: string, code: boolean): void {
  if (text === "") return;
  const kind = code ? "code" : "text";
  const before = pieces.at(-1);
  if (before?.kind === kind) before.text += unescape(text);
  else pieces.push({ kind, text: unescape(text) });
}

interface Tag {
  /** In lower case. */
  name: string;
  closes: boolean;
  attributes: string;
  /** Where what follows it begins. */
  end: number;
}

/** The tag whose `<` stands at `open`, or null where it does not end. */
function tagAt(html: string, open: number): Tag | null {
  const close = closeOf(html, open + 1);
  if (close === null) return null;
  const closes = html[open + 1] === "/";
  let [start, stop] = [open + 1, close];
  while (start < stop && html[start] === "/") start += 1;
  while (start < stop && html[stop - 1] === "/") stop -= 1;
  const tag = html.slice(start, stop);
  const space = tag.search(NAME_END);
  const nameEnd = space < 0 ? tag.length : space;
  return { name: asciiLower(tag.slice(0, nameEnd)), closes, attributes: tag.slice(nameEnd), end: close + 1 };
}

/** Where the `>` of a tag stands. One in a quoted attribute does not end it. */
function closeOf(html: string, from: number): number | null {
  TAG_EDGE.lastIndex = from;
  for (let edge = TAG_EDGE.exec(html); edge !== null; edge = TAG_EDGE.exec(html)) {
    if (edge[0] === ">") return edge.index;
    const quoteEnd = html.indexOf(edge[0], edge.index + 1);
    if (quoteEnd < 0) return null;
    TAG_EDGE.lastIndex = quoteEnd + 1;
  }
  return null;
}

/** An attribute's value, entities resolved. */
function attribute(attributes: string, wanted: string): string | null {
  ATTRIBUTE.lastIndex = 0;
  while (ATTRIBUTE.lastIndex < attributes.length) {
    // The pattern matches anything, if need be nothing, and nothing only at the end.
    const [, name, double, single, plain] = ATTRIBUTE.exec(attributes)!;
    if (asciiLower(name) === wanted) return unescape(double ?? single ?? plain ?? "");
  }
  return null;
}

/** Resolves the entities that an HTML serializer writes (HTML §13.3) and numeric ones. */
function unescape(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(ENTITY, (entity, name, hexadecimal, decimal) => {
    if (name !== undefined) return NAMED[name];
    const point = hexadecimal === undefined ? parseInt(decimal, 10) : parseInt(hexadecimal, 16);
    const isCharacter = point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
    return isCharacter ? String.fromCodePoint(point) : entity;
  });
}
