// Why this class, and not that one: two maps with a divider.

import assert from "node:assert/strict";
import { test } from "node:test";

import { explained, nextFrame, pixels, withPage } from "./browser.mjs";

const CANVAS = "#panel-grad-cam canvas[role=img]";

/** The columns in which two lists of pixels of a canvas of `width` differ. */
function columnsThatDiffer(one, other, width) {
  const columns = new Set();
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) columns.add(Math.floor(index / 4) % width);
  return [...columns].sort((a, b) => a - b);
}

test("two classes are compared under one scale, and the divider is dragged", () => withPage(async (page) => {
  await page.getByRole("button", { name: "a drawn football" }).click();
  await page.getByRole("heading", { name: "Why panda?" }).waitFor();
  await explained(page);
  await page.getByRole("button", { name: "vs soccer ball: compare" }).click();
  await page.getByRole("heading", { name: "Why panda, not soccer ball?" }).waitFor();
  await explained(page);
  assert.deepEqual(await page.locator("#panel-grad-cam .tag").allTextContents(), ["panda", "soccer ball"]);
  assert.match(await page.locator("#scale-note").textContent(), /share one scale/);
  const width = await page.locator(CANVAS).evaluate((canvas) => canvas.width);
  const middle = await pixels(page, CANVAS);
  const box = await page.locator("#panel-grad-cam .frame").boundingBox();
  const at = (share) => [box.x + share * box.width, box.y + box.height / 3];
  await page.mouse.move(...at(0.5));
  await page.mouse.down();
  await page.mouse.move(...at(0.6), { steps: 3 });
  await page.mouse.move(...at(0.75), { steps: 3 });
  await page.mouse.up();
  await nextFrame(page);
  const differ = columnsThatDiffer(middle, await pixels(page, CANVAS), width);
  assert.ok(differ.length > 20 && differ[0] >= width * 0.49 && differ.at(-1) <= width * 0.76, `${differ[0]} to ${differ.at(-1)} of ${width}`);
  const divider = page.getByRole("slider", { name: "Divider between the two classes of Saliency" });
  assert.equal(await divider.getAttribute("aria-valuenow"), "75", "one divider for all panels");
  await divider.focus();
  await page.keyboard.press("Home");
  await nextFrame(page);
  assert.equal(await divider.getAttribute("aria-valuenow"), "0");
  await page.getByRole("button", { name: "Stop comparing" }).click();
  await page.getByRole("heading", { name: "Why panda?" }).waitFor();
  assert.ok(await divider.isHidden());
}));
