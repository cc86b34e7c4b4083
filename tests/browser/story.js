// What people do here, one thing after the other: log in, publish, watch, look for, open and mend.
import { strict as assert } from "node:assert";
import { after, before, describe, it } from "node:test";

import { open } from "./chromium.js";
import { keep, logIn, lookUntil, person } from "./person.js";
import { at, site } from "./site.js";

/** How long a step may take, in milliseconds. */
const TIME = 120_000;

const TITLE = "Frost tonight";

/** What lists call it: by its title, or by its address. */
const ABOUT_IT = /frost[- ]tonight/i;

/** Tells it by somebody's hands, in windows with these options. `more` adds steps to it. */
export function story(handsOf, options = {}, more = () => {}) {
  describe("people", () => {
    const people = {};
    let browser;
    let isStuck = false;

    before(async () => {
      browser = await open();
      for (const name of ["olga", "edith"]) people[name] = await person(browser, handsOf, options);
    });
    after(() => browser.close());

    const step = (name, act) =>
      it(name, { timeout: TIME }, async (t) => {
        // What is done rests on what was done before.
        if (isStuck) return t.skip("a step before it failed");
        isStuck = true;
        await act(people).catch(async (error) => {
          await keep(name, Object.values(people));
          throw error;
        });
        isStuck = false;
      });

    step("an operator logs in, and comes to where she was going", async ({ olga }) => {
      const { page } = olga;
      await page.goto(at("/flows"));
      await olga.write(page.getByLabel("Name"), "olga");
      await olga.write(page.getByLabel("Password"), "not it");
      await olga.press(page.getByRole("button", { name: "Log in" }));
      await page.getByRole("alert").waitFor();
      await logIn(olga, "olga");
      await page.getByRole("heading", { name: "Flows", level: 1 }).waitFor();
    });

    step("an editor publishes an article", async ({ edith }) => {
      const { page } = edith;
      await page.goto(at("/"));
      await edith.press(inMenu(page, "Log in"));
      await logIn(edith, "edith");
      await publish(edith, TITLE, "urgent");
    });

    step("the operator sees that it was published", async ({ olga }) => {
      for (const behavior of ["publish", "sort"]) {
        const published = rows(olga.page).filter({ hasText: ABOUT_IT }).filter({ hasText: behavior });
        if (olga.hasScripts) await published.waitFor();
        else await lookUntil(olga.page, published);
      }
    });

    if (options.javaScriptEnabled !== false) {
      step("what comes while she has paused the list is counted until she asks for it", async ({ olga, edith }) => {
        const { page } = olga;
        const thawing = rows(page).filter({ hasText: /thaw[- ]tomorrow/i });
        await olga.press(page.getByRole("button", { name: "Pause" }));
        await publish(edith, "Thaw tomorrow", "urgent");
        const fresh = page.getByRole("button", { name: /^\d+ new$/ });
        await fresh.waitFor();
        assert.equal(await thawing.count(), 0, "it has come although the list is paused");
        await olga.press(fresh);
        await thawing.first().waitFor();
      });
    }

    step("she finds flows by words and by views, and opens one", async ({ olga }) => {
      const { page } = olga;
      await olga.search(page.getByLabel("Words"), "frost");
      await olga.press(page.getByRole("button", { name: "Filter", exact: true }));
      await page.waitForURL(/text=frost/);
      await rows(page).filter({ hasText: ABOUT_IT }).first().waitFor();
      assert.equal(await rows(page).filter({ hasNotText: ABOUT_IT }).count(), 0, "a row is about something else");
      await olga.openRow(rows(page).filter({ hasText: "publish" }));
      await page.getByRole("heading", { name: ABOUT_IT }).waitFor();

      await openView(olga, "Failed");
      await rows(page).filter({ hasText: "a-blank-letter" }).waitFor();
      await olga.choose(page.getByLabel("Effect is"), "dispatched");
      await olga.press(page.getByRole("button", { name: "Filter", exact: true }));
      await page.getByText("No flow matches").waitFor();
    });

    step("she has a dead letter sent again", async ({ olga }) => {
      const { page } = olga;
      await openView(olga, "Dead letters");
      await olga.openRow(rows(page).filter({ hasText: "a-lost-letter" }));
      await page.waitForURL(at(`/flows/${site.flows.dead}`));
      const effect = page.getByRole("region", { name: "Effect webhook" });
      await effect.getByText("410 Gone").first().waitFor();
      await olga.press(effect.getByRole("link", { name: "Try again" }));
      await decide(olga, "they are back");
      await page.getByText("they are back").first().waitFor();
      await lookUntil(page, effect.getByText("dispatched").first());
    });

    step("she retries what failed", async ({ olga }) => {
      const { page } = olga;
      await openView(olga, "Failed");
      await olga.openRow(rows(page).filter({ hasText: "a-blank-letter" }));
      await olga.press(page.getByRole("link", { name: "Retry failed steps" }));
      await decide(olga, "once more");
      await page.getByText("once more").first().waitFor();
    });

    step("she cancels what waits", async ({ olga }) => {
      const { page } = olga;
      await openView(olga, "Waiting");
      await olga.openRow(rows(page).filter({ hasText: /what[- ]grew/i }));
      await olga.press(page.locator("summary", { hasText: "Cancel" }));
      await olga.write(page.getByLabel("Why (optional)"), "there is no letter this week");
      await olga.press(page.getByRole("button", { name: "Cancel this flow" }));
      await page.getByText("there is no letter this week").first().waitFor();
    });

    step("she rolls a behavior back", async ({ olga }) => {
      const { page } = olga;
      await olga.press(inMenu(page, "Behaviors"));
      await olga.press(page.getByRole("link", { name: "sort", exact: true }));
      await page.getByRole("heading", { name: "sort@1.1.0" }).waitFor();
      await olga.press(page.getByRole("button", { name: "Roll back to 1.0.0" }));
      await page.getByRole("heading", { name: "sort@1.0.0" }).waitFor();
    });

    step("the editor takes the article down again and logs out", async ({ edith }) => {
      const { page } = edith;
      await edith.press(inMenu(page, "rosehip"));
      await edith.press(page.getByRole("link", { name: TITLE }));
      await edith.press(page.getByRole("link", { name: "Delete…" }));
      await edith.press(page.getByRole("button", { name: `Delete “${TITLE}”` }));
      await page.getByRole("status").waitFor();
      await edith.press(inMenu(page, "rosehip"));
      await page.getByRole("link", { name: "When roses are pruned" }).waitFor();
      assert.equal(await page.getByRole("link", { name: TITLE }).count(), 0, "it is still there");
      await edith.press(page.getByRole("button", { name: "Log out" }));
      await inMenu(page, "Log in").waitFor();
    });

    step("no console complains", async ({ olga, edith }) => {
      const loud = [olga, edith].flatMap(({ said }) => said).filter((line) => /^(error|thrown)/.test(line));
      assert.deepEqual(loud.filter((line) => !line.includes("401")), []);
    });

    more(step);
  });
}

/** Writes an article and publishes it. */
async function publish({ page, write, press }, title, category) {
  await press(inMenu(page, "Write"));
  await write(page.getByLabel("Title"), title);
  await write(page.getByLabel("Body"), "Bring the *lemons* in.");
  await write(page.getByLabel("Category"), category);
  await press(page.getByRole("button", { name: "Publish", exact: true }));
  await page.getByRole("heading", { name: title, level: 1 }).waitFor();
  await page.getByText("lemons").waitFor();
}

/** Rows of a list of flows. */
const rows = (page) => page.locator("table.flows tbody tr");

/** A link of the menu that every page begins with. */
const inMenu = (page, name) => page.getByRole("banner").getByRole("link", { name });

async function openView({ page, press }, name) {
  await press(inMenu(page, "Flows"));
  await press(page.getByRole("navigation", { name: "Views" }).getByRole("link", { name }));
  await page.getByRole("navigation", { name: "Views" }).locator("[aria-current=page]", { hasText: name }).waitFor();
}

/** Does what a page has said would happen, with a reason. */
async function decide({ page, write, press }, reason) {
  const form = page.getByRole("main");
  await write(form.getByLabel("Why"), reason);
  await press(form.getByRole("button").first());
}
