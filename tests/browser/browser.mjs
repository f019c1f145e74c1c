// Pages of the playground in Debian's Chromium, watched: an error in the console or a request to elsewhere fails the test.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { chromium } from "playwright-core";

import { serve } from "./server.mjs";

const ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

let server;
let browser;

before(async () => {
  server = await serve();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGUMENTS });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** The address of the server under test. */
export const origin = () => server.origin;

/** Whether the test brought about what `message` says: browsers write a line in the console for each request that fails. */
const isAnnounced = (message, expected) => expected.some((status) => message.includes(status));

/**
 * Runs `test` with a page that is open on the playground `at` a server, and `ready` unless told otherwise. `expected` are words of the
 * errors in the console that the test brings about.
 */
export async function withPage(test, { expected = [], at = server.origin, ready = true, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, acceptDownloads: true, ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: at });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    const said = ["error", "warning"].includes(message.type()) && !isAnnounced(message.text(), expected);
    if (said) complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`thrown: ${error.stack}`));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== at && !["blob:", "data:"].includes(protocol)) complaints.push(`request: ${request.url()}`);
  });
  page.setDefaultTimeout(60_000);
  try {
    await page.goto(at);
    if (ready) await explained(page);
    await test(page);
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
}

/** Waits until the panels that are there from the start show their maps, but for occlusion's, which takes longer. */
export async function explained(page) {
  for (const name of ["grad-cam", "saliency", "guided-backprop", "guided-grad-cam"]) await shows(page, name);
}

/** Waits until the panel of the technique called `name` shows its maps, or is in another `state`. */
export const shows = (page, name, state = "ready") => page.locator(`#panel-${name}[data-state="${state}"]`).waitFor();

/** The pixels of the canvas that `selector` finds, as bytes: red, green, blue and opacity of each. */
export const pixels = async (page, selector) => Buffer.from(await page.locator(selector).evaluate((canvas) => {
  const { width, height } = canvas;
  // A copy, since a canvas that is read becomes a slow one.
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const bytes = context.getImageData(0, 0, width, height).data;
  let text = "";
  for (let start = 0; start < bytes.length; start += 32_768) text += String.fromCharCode(...bytes.subarray(start, start + 32_768));
  return btoa(text);
}), "base64");

/** Moves a range to `value` as a person's drag does. */
export const slide = (page, selector, value) => page.locator(selector).evaluate((input, value) => {
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}, value);

/** Waits for the next drawn frame. */
export const nextFrame = (page) => page.evaluate(() =>
  new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/** The likeliest class as the bars have it. */
export const firstClass = (page) => page.locator("#bars li:first-child .bar-label");

/** Sets occlusion's step, and starts it: with a wide one it takes no time. */
export async function occlude(page, step = 56) {
  const panel = page.locator("#panel-occlusion");
  await panel.getByLabel("Step, px").fill(String(step));
  await page.keyboard.press("Tab");
  await panel.getByRole("button", { name: "Run occlusion" }).click();
  return panel;
}
