// A Chromium that says nothing to anybody but the host, in a profile that is new.
import { chromium } from "./tools.js";

export const desktop = { width: 1280, height: 800 };
export const phone = { width: 390, height: 844 };

const SILENT = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--no-proxy-server",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How long anything on a page may take, in milliseconds: machines that run all tests at once are slow. */
const PATIENCE = 30_000;

/** Opens a Chromium, which whoever does closes. */
export const open = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    // Whoever runs the tests as root, as in a container, has no user namespaces to build a sandbox of.
    chromiumSandbox: false,
    args: SILENT,
  });

/** Opens a window of somebody who has no cookies yet. */
export async function opened(browser, options = {}) {
  const context = await browser.newContext({ viewport: desktop, colorScheme: "light", locale: "en-GB", ...options });
  context.setDefaultTimeout(PATIENCE);
  return context.newPage();
}
