// Pages that no link leads to: what is not there, what may not be, and forms that come back with what is wrong in them.
import { at } from "./site.js";

/** Opens an address, whatever its status is. */
const go = (address) => (page) => page.goto(at(address));

/** Sends a form that is on the page, past what the browser itself would refuse, and gives what comes back. */
async function send(page, form, fields, press) {
  for (const [name, value] of Object.entries(fields)) {
    await form.locator(`[name=${name}]`).first().evaluate((field, value) => (field.value = value), value);
  }
  await form.evaluate((form) => (form.noValidate = true));
  const [response] = await Promise.all([
    page.waitForResponse((response) => response.request().isNavigationRequest() && response.status() !== 303),
    press(form).click(),
  ]);
  await page.waitForLoadState();
  return response;
}

const button = (name) => (form) => form.getByRole("button", { name, exact: true });
const formOf = (page, action) => page.locator(`form[action="${action}"]`);

/** Each by its name: whose it is, the status it comes with, and how it is come to. */
export const situations = {
  "the keys": [
    "olga",
    200,
    async (page) => {
      const response = await page.goto(at("/flows"));
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
      return response;
    },
  ],
  "an address that nothing has": ["a stranger", 404, go("/nothing-here/")],
  "a query that cannot be read": ["olga", 422, go("/flows?view=none&waiting=long")],
  "a flow that is not there": ["olga", 404, go(`/flows/${"a".repeat(52)}`)],
  "a behavior that is not there": ["olga", 404, go("/behaviors/nobody")],
  "a peer that is not there": ["olga", 404, go("/peers/nobody.example")],
  "an actor who is not there": ["a stranger", 404, go("/actors/nobody")],
  "what only operators may": ["edith", 403, go("/users")],
  "what only those who write may": ["ann", 403, go("/new")],
  "a wrong password": [
    "a stranger",
    401,
    async (page) => {
      await page.goto(at("/login"));
      return send(page, formOf(page, "/login"), { name: "edith", password: "no" }, button("Log in"));
    },
  ],
  "an article without a title": [
    "edith",
    422,
    async (page) => {
      await page.goto(at("/new"));
      return send(page, formOf(page, "/new"), { title: "", slug: "Not One" }, button("Publish"));
    },
  ],
  "an article that somebody else has saved": [
    "edith",
    409,
    async (page) => {
      const edit = "/when-roses-are-pruned/edit";
      await page.goto(at(edit));
      return send(page, formOf(page, edit), { revision: "0", body: "Mine." }, button("Save"));
    },
  ],
  "a form that was not made here": [
    "edith",
    403,
    async (page) => {
      await page.goto(at("/new"));
      return send(page, formOf(page, "/new"), { csrf: "x", title: "Mine" }, button("Publish"));
    },
  ],
  "a note that says nothing": [
    "edith",
    422,
    async (page) => {
      await page.goto(at("/actors/site/notes"));
      return send(page, formOf(page, "/actors/site/notes"), { content: "" }, button("Post"));
    },
  ],
  "a timeline of somebody else": ["ann", 403, go("/actors/garden/timeline")],
  "a token that was just made": [
    "edith",
    200,
    async (page) => {
      await page.goto(at("/account"));
      return send(page, formOf(page, "/account/tokens"), { name: "laptop" }, button("Make"));
    },
  ],
  "a config that is no JSON": [
    "olga",
    422,
    async (page) => {
      await page.goto(at("/behaviors/publish"));
      return send(page, formOf(page, "/behaviors/publish/config"), { config: "{" }, button("Save config"));
    },
  ],
  "a grant that says nothing": [
    "olga",
    422,
    async (page) => {
      await page.goto(at("/behaviors/publish"));
      return send(page, formOf(page, "/behaviors/publish/policy"), { policy: '{"effects": 1}' }, button("Save grant"));
    },
  ],
};
