// How somebody acts on a page: by mouse, or by keyboard alone. Both press, write and choose; what they act on they find by
// role and name, as those do who cannot see the page.

/** Whose hand is on the mouse. */
export const byMouse = (page) => ({
  press: (target) => target.click(),
  async write(field, text) {
    await field.click();
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type(text);
  },
  // A list is drawn by the system, outside of the page.
  choose: (list, option) => list.selectOption({ label: option }),
  openRow: (row) => row.getByRole("link").first().click(),
  async search(field, text) {
    await this.write(field, text);
  },
});

/** Stops before it is said that Tab does not lead somewhere. */
const MOST_STOPS = 400;

/** Who has no mouse. Wherever Tab stops it must be seen where that is. */
export const byKeyboard = (page) => ({
  async press(target) {
    await reach(page, target);
    const isButton = await target.evaluate((element) => element.matches("button, summary, input[type=checkbox]"));
    await page.keyboard.press(isButton ? "Space" : "Enter");
  },
  async write(field, text) {
    await reach(page, field);
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type(text);
  },
  async choose(list, option) {
    await reach(page, list);
    await page.keyboard.type(option);
  },
  async openRow(row) {
    await row.waitFor();
    for (let step = 0; step < MOST_STOPS; step++) {
      await page.keyboard.press("j");
      if (await row.evaluate((element) => element.contains(document.activeElement))) {
        await beSeen(page);
        return page.keyboard.press("Enter");
      }
    }
    throw new Error(`j does not lead to ${row}`);
  },
  async search(field, text) {
    await field.waitFor();
    await page.keyboard.press("/");
    if (!(await isFocused(field))) throw new Error(`/ does not lead to ${field}`);
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type(text);
  },
});

const isFocused = (target) => target.evaluate((element) => element === document.activeElement);

async function reach(page, target) {
  await target.waitFor();
  for (let stop = 0; stop < MOST_STOPS; stop++) {
    if (await isFocused(target)) return;
    await page.keyboard.press("Tab");
    await beSeen(page);
  }
  throw new Error(`Tab does not lead to ${target}`);
}

async function beSeen(page) {
  const hidden = await page.evaluate(() => {
    const element = document.activeElement;
    if (element === document.body) return null;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const isSeen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && box.right > 0 && box.bottom > 0;
    return isSeen ? null : element.outerHTML.slice(0, 200);
  });
  if (hidden !== null) throw new Error(`the focus cannot be seen on ${hidden}`);
}
