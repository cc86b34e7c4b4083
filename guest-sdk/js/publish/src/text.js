// Text as the rules of Unicode have it. JavaScript's own trim() and \s count a byte order mark as white space and leave
// out the next-line character.

const SPACE = /[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const SPACES = new RegExp(`${SPACE.source}+`, "g");

/** @param {string} char */
export function isSpace(char) {
  return SPACE.test(char);
}

/** Where the first white space at or after `from` stands, else the end of the text. @param {string} text */
export function spaceFrom(text, from = 0) {
  let at = from;
  while (at < text.length && !isSpace(text[at])) at += 1;
  return at;
}

/** Where the first character at or after `from` stands that is no white space. @param {string} text */
export function skipSpace(text, from = 0) {
  let at = from;
  while (at < text.length && isSpace(text[at])) at += 1;
  return at;
}

/** @param {string} text */
export function trim(text) {
  const start = skipSpace(text);
  let end = text.length;
  while (end > start && isSpace(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

/** @param {string} text */
export function words(text) {
  return text.split(SPACES).filter((word) => word !== "");
}

/** How many characters a text has, which are code points. @param {string} text */
export function length(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** The first `chars` characters. @param {string} text @param {number} chars */
export function first(text, chars) {
  let taken = "";
  for (const char of text) {
    if (chars === 0) break;
    taken += char;
    chars -= 1;
  }
  return taken;
}

/** The letters A to Z in lower case, no others. @param {string} text */
export function asciiLower(text) {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
