// Text as the rules of Unicode have it. JavaScript's own trim() and \s count a byte order mark as white space and leave
// out the next-line character.

/** White space, to stand in the brackets of a regular expression. */
export const SPACE = String.raw`\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000`;

const IS_SPACE = new RegExp(`[${SPACE}]`);
const IS_NOT_SPACE = new RegExp(`[^${SPACE}]`);
const WORDS = new RegExp(`[^${SPACE}]+`, "g");

export function isBlank(text: string): boolean {
  return !IS_NOT_SPACE.test(text);
}

export function trim(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && IS_SPACE.test(text[start])) start += 1;
  while (start < end && IS_SPACE.test(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

export function words(text: string): string[] {
  return text.match(WORDS) ?? [];
}

/** How many characters a text has, which are code points. */
export function length(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff]/g)?.length ?? 0);
}

/** The first characters of a text. */
export function first(text: string, chars: number): string {
  return [...text.slice(0, 2 * chars)].slice(0, chars).join("");
}

/** The letters A to Z in lower case, no others. */
export function asciiLower(text: string): string {
  return !/[A-Z]/.test(text) ? text : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
