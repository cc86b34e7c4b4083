// Somebody with a window, who does things with their hands and sees what comes of it.
import { password, result } from "./site.js";
import { opened } from "./chromium.js";

/** How long may pass before a page shows what another process does, in milliseconds. */
const PATIENCE = 30_000;

/** Opens a window for somebody. What the console says is kept for `keep`. */
export async function person(browser, handsOf, options) {
  const page = await opened(browser, options);
  const said = [];
  page.on("console", (message) => said.push(`${message.type()}: ${message.text()} (${message.location().url})`));
  page.on("pageerror", (error) => said.push(`thrown: ${error}`));
  return { page, said, ...handsOf(page), hasScripts: options?.javaScriptEnabled !== false };
}

/** Logs in by the form, from whatever page has led to it. */
export async function logIn({ page, write, press }, name) {
  await write(page.getByLabel("Name"), name);
  await write(page.getByLabel("Password"), password);
  await press(page.getByRole("button", { name: "Log in" }));
  await page.getByRole("button", { name: "Log out" }).waitFor();
}

/** Looks at the page again until something is there that a process does not make at once. */
export async function lookUntil(page, target) {
  const until = Date.now() + PATIENCE;
  while (!(await target.isVisible())) {
    if (Date.now() > until) throw new Error(`${target} does not come, however often the page is looked at`);
    await page.reload();
  }
}

/** Keeps what a failure leaves: what each window showed, and what its console said. */
export async function keep(name, people) {
  for (const [at, { page, said }] of people.entries()) {
    const file = result(`${name.replaceAll(/[^a-z0-9]+/gi, "-")}-${at + 1}.png`);
    await page.screenshot({ path: file, fullPage: true });
    console.error(`${name}: ${page.url()} is shown by ${file}; its console said: ${said.join("; ") || "nothing"}`);
  }
}
