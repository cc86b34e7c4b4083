// Every page, as everybody sees it.
import { strict as assert } from "node:assert";
import { after, before, describe, it } from "node:test";

import { open, opened } from "./chromium.js";
import { examine } from "./examine.js";
import { byMouse } from "./hands.js";
import { logIn } from "./person.js";
import { at, site } from "./site.js";
import { situations } from "./situations.js";
import { walk } from "./walk.js";

/** How long one visitor may take, in milliseconds. */
const TIME = 600_000;

describe("every page", () => {
  let browser;
  before(async () => (browser = await open()));
  after(() => browser.close());

  for (const [what, name, url] of [
    ["what a stranger sees", "a stranger", site.url],
    ["what an editor sees", "edith", site.url],
    ["what an author sees", "ann", site.url],
    ["what an approver sees", "pia", site.url],
    ["what an operator sees", "olga", site.url],
    ["what an operator sees before anything has happened", "olga", site.empty],
  ]) {
    it(what, { timeout: TIME }, async (t) => {
      const { page, complaints } = await windowOf(browser, name, url);
      const [found, begun] = [[], Date.now()];
      let pages = 0;
      for await (const { address, response } of walk(page, at("/", url))) {
        pages += 1;
        const lines = [...(await examine(page, response)), ...complaints.splice(0)];
        if (response.status() !== 200) lines.push(`a link leads to ${response.status()}`);
        found.push(...lines.map((line) => `${address} ${line}`));
      }
      t.diagnostic(`${pages} pages in ${Math.round((Date.now() - begun) / 1000)} s`);
      assert.equal(found.length, 0, found.join("\n"));
    });
  }

  const windows = new Map();

  for (const [what, [name, status, come]] of Object.entries(situations)) {
    it(what, { timeout: TIME }, async () => {
      if (!windows.has(name)) windows.set(name, await windowOf(browser, name));
      const { page, complaints } = windows.get(name);
      const response = await come(page);
      assert.equal(response.status(), status);
      const found = [...(await examine(page, response)), ...complaints.splice(0)];
      assert.equal(found.length, 0, found.join("\n"));
    });
  }
});

/** A window of one of the users, or of a stranger, in which what the console complains of is kept. */
async function windowOf(browser, name, url = site.url) {
  const page = await opened(browser);
  const complaints = [];
  page.on("console", (message) => {
    // That a page which is not there has a status to say so is no complaint.
    const isAnswer = message.location().url === page.url() && /status of [34]/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !isAnswer) complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`thrown: ${error}`));
  if (name !== "a stranger") {
    await page.goto(at("/login", url));
    await logIn({ page, ...byMouse(page) }, name);
  }
  return { page, complaints };
}
