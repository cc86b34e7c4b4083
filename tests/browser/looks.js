// What must be so of a page however it looks, and what axe-core does not see.

/** Elements that stand out of a window to its right: nobody scrolls sideways. */
export const sideways = (page) =>
  page.evaluate(() => {
    const { clientWidth, scrollWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const out = [...document.querySelectorAll("body *")].filter(
      (element) => element.getBoundingClientRect().right > clientWidth + 0.5,
    );
    const deepest = out.filter((element) => !out.some((other) => other !== element && element.contains(other)));
    return deepest.slice(0, 5).map((element) => `${scrollWidth} px of ${clientWidth} are needed by ${element.outerHTML.slice(0, 200)}`);
  });

/** Elements that can have the focus and do not show it. */
export async function hiddenFocus(page) {
  // After a key, what is focused by a script is shown as what is focused by keys.
  await page.keyboard.press("Tab");
  return page.evaluate(() => {
    const all = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']");
    return [...all]
      .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.disabled)
      .filter((element) => {
        element.focus();
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        return document.activeElement === element && (outlineStyle === "none" || parseFloat(outlineWidth) < 2);
      })
      .map((element) => `no outline on ${element.outerHTML.slice(0, 200)}`);
  });
}

/** Elements that move although less motion is wanted. */
export const motion = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("*")]
      .filter((element) => {
        const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element);
        return parseFloat(transitionDuration) > 0 || animationName !== "none" || scrollBehavior === "smooth";
      })
      .map((element) => `motion on ${element.outerHTML.slice(0, 100)}`),
  );
