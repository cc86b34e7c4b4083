// What axe-core finds on a page, a line for each element.
import { axe } from "./tools.js";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Rules that what a page looks like decides: they are asked for once more in the dark. */
const OF_COLOUR = ["color-contrast", "link-in-text-block"];

/** Breaches of the rules that are WCAG's to level AA, and of axe's best practice. */
export const breaches = (page) => run(page, { runOnly: TAGS });

/** Of these, those that colours make. */
export const breachesOfColour = (page) => run(page, { runOnly: OF_COLOUR });

async function run(page, options) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  const found = await page.evaluate(
    (options) => window.axe.run(document, { ...options, resultTypes: ["violations"] }),
    options,
  );
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary, html }) => `${id} at ${target.join(" ")}: ${failureSummary} ${html.slice(0, 200)}`),
  );
}
