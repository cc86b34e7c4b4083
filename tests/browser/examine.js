// Whether a page is for everybody: in light and in dark, at a desk and on a phone, with all that it folds away opened.
import { breaches, breachesOfColour } from "./axe.js";
import { desktop, phone } from "./chromium.js";
import { kinds } from "./kind.js";
import { hiddenFocus, motion, sideways } from "./looks.js";

/** The most that a page may weigh, in bytes, before it is compressed. */
const WEIGHT = 200_000;

/** Narrower than any phone: what WCAG 2.1 asks for (1.4.10). */
const narrow = { width: 320, height: 800 };

/** Of each kind, how many pages are looked at closely: what differs between them is what they say. */
const CLOSELY = 1;

const seen = new Map();

/** What is wrong with the page that is open, a line for each thing; `response` is what it came as. */
export async function examine(page, response) {
  const found = [];
  const note = (when, lines) => found.push(...lines.map((line) => `${when}: ${line}`));

  const weight = (await response.body()).length;
  if (weight > WEIGHT) note("loading", [`it weighs ${weight} bytes, of which it may ${WEIGHT}`]);
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  await page.setViewportSize(narrow);
  note("narrow", await sideways(page));
  await page.setViewportSize(desktop);

  const times = (await kinds(page)).map((kind) => seen.set(kind, (seen.get(kind) ?? 0) + 1).get(kind));
  if (Math.min(...times) <= CLOSELY) await examineClosely(page, note);
  return found;
}

async function examineClosely(page, note) {
  for (const [size, viewport] of Object.entries({ desktop, phone })) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
    note(`${size}, light`, await breaches(page));
    note(`${size}`, await sideways(page));
    await page.emulateMedia({ colorScheme: "dark" });
    note(`${size}, dark`, await breachesOfColour(page));
  }
  note("still", await motion(page));
  await page.setViewportSize(desktop);
  note("by keys", await hiddenFocus(page));
}
