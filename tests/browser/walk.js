// Goes to every page that links lead to.

/** How many of those lists are gone to that are narrowed by the same two things or more: all else in them is the same. */
const ALIKE = 3;

/** Each page of the host that can be come to from `start`, once, open in the window that it is looked at in. */
export async function* walk(page, start) {
  const { origin } = new URL(start);
  const [known, alike, ahead] = [new Set([start]), new Map(), [start]];
  while (ahead.length > 0) {
    const address = ahead.shift();
    const response = await page.goto(address);
    if (!/^text\/html/.test(response.headers()["content-type"] ?? "")) continue;
    yield { address, response };
    for (const link of await links(page)) {
      const { origin: where, pathname, searchParams } = new URL(link);
      if (where !== origin || known.has(link)) continue;
      known.add(link);
      const narrowed = [...searchParams.keys()].sort();
      const kind = `${pathname}?${narrowed}`;
      alike.set(kind, (alike.get(kind) ?? 0) + 1);
      if (narrowed.length < 2 || alike.get(kind) <= ALIKE) ahead.push(link);
    }
  }
}

/** Where links lead, those of pictures among them. */
const links = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("a[href]:not([download])")].map(
      (link) => new URL(link.getAttribute("href"), document.baseURI).href.split("#")[0],
    ),
  );
