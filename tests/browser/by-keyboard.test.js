import { strict as assert } from "node:assert";

import { byKeyboard } from "./hands.js";
import { at } from "./site.js";
import { story } from "./story.js";

story(byKeyboard, {}, (step) => {
  step("the first stop leads past the menu", async ({ olga: { page } }) => {
    await page.goto(at("/flows"));
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  });

  step("j and k go through the rows, and stay on the page at its ends", async ({ olga: { page } }) => {
    const rows = page.locator("[data-row]");
    const focused = () => rows.evaluateAll((all) => all.findIndex((row) => row.contains(document.activeElement)));
    for (const [key, row] of [
      ["j", 0],
      ["j", 1],
      ["k", 0],
      ["k", 0],
    ]) {
      await page.keyboard.press(key);
      assert.equal(await focused(), row, `after ${key}`);
    }
  });

  step("? says which keys there are, and Escape puts that away", async ({ olga: { page } }) => {
    const keys = page.getByRole("dialog");
    await page.keyboard.press("?");
    await keys.waitFor();
    await page.keyboard.press("Escape");
    await keys.waitFor({ state: "hidden" });
  });
});
