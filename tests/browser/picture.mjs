// A picture comes in: from the gallery, dropped, pasted, picked.

import assert from "node:assert/strict";
import { test } from "node:test";

import { explained, firstClass, origin, withPage } from "./browser.mjs";

/** Gives a picture of the gallery to the page by `way`: an event with files. */
const give = (page, way, name) => page.evaluate(async ([way, name]) => {
  const response = await fetch(`playground/gallery/${name}`);
  const transfer = new DataTransfer();
  transfer.items.add(new File([await response.blob()], name, { type: "image/webp" }));
  if (way === "paste") {
    dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
    return;
  }
  for (const type of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }
}, [way, name]);

test("the page shows a picture with its classes and maps at once", () => withPage(async (page) => {
  assert.equal(await firstClass(page).textContent(), "stop sign");
  assert.match(await page.locator("#bars li:first-child .bar-value").textContent(), /^8\d %$/);
  assert.equal(await page.locator("#bars li").count(), 5);
  assert.equal(await page.locator("#why").textContent(), "Why stop sign?");
  assert.equal(await page.locator("#gallery img").count(), 8);
}));

test("a picture that is dropped is predicted and explained", () => withPage(async (page) => {
  await give(page, "drop", "yin-yang.webp");
  await page.getByRole("heading", { name: "Why yin yang?" }).waitFor();
  await explained(page);
  assert.match(await page.locator("#photo-facts").textContent(), /yin-yang\.webp · 640 × 480/);
  assert.equal(await page.locator("body.dropping").count(), 0);
}));

test("a picture can be pasted, picked, and taken from the gallery", () => withPage(async (page) => {
  await give(page, "paste", "umbrella.webp");
  await page.getByRole("heading", { name: "Why umbrella?" }).waitFor();
  const file = await (await fetch(`${origin()}/playground/gallery/sunflower.webp`)).arrayBuffer();
  await page.locator("#pick-file").setInputFiles({ name: "mine.webp", mimeType: "image/webp", buffer: Buffer.from(file) });
  await page.getByRole("heading", { name: "Why sunflower?" }).waitFor();
  await page.getByRole("button", { name: "a drawn pyramid" }).click();
  await page.getByRole("heading", { name: "Why pyramid?" }).waitFor();
}));

test("a phone is asked for its camera", () => withPage(async (page) => {
  assert.ok(await page.getByRole("button", { name: "Take a photo" }).isVisible());
  assert.equal(await page.locator("#snap-file").getAttribute("capture"), "environment");
}, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }));
