// What the test in Rust says of the host that it made (tests/tests/browser/site.rs), and of where results go.
import path from "node:path";

/** `url` and `results`; of a host with something of everything `flows` by how they ended; `empty` is another host. */
export const site = JSON.parse(process.env.ROSEHIP_SITE);

/** Everybody's. */
export const password = "correct horse";

/** A file among the results. */
export const result = (name) => path.join(site.results, name);

/** An address of the host. */
export const at = (address, url = site.url) => new URL(address, url).href;
