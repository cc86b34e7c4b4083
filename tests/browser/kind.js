// What kind of page a page is: which elements it is made of, whatever they say.

/** Two texts, of the frame that all pages have and of what is in it, the same for all that is made of the same, once or often. */
export const kinds = (page) =>
  page.evaluate(() => {
    const main = document.querySelector("main");
    const name = ({ localName, className, type, attributes }) =>
      `${localName}.${className.baseVal ?? className}:${type ?? ""}[${[...attributes].map((attribute) => attribute.name).sort()}]`;
    const count = (element, path, counts, leftOut) => {
      const here = `${path}>${name(element)}`;
      counts.set(here, Math.min((counts.get(here) ?? 0) + 1, 2));
      for (const child of element.children) if (child !== leftOut) count(child, here, counts, leftOut);
      return counts;
    };
    const kind = (element, leftOut) => JSON.stringify([...count(element, "", new Map(), leftOut)].sort());
    return [kind(document.body, main), kind(main)];
  });
