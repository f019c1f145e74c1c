// Into the network: its layers, their feature maps and filters.

import assert from "node:assert/strict";
import { test } from "node:test";

import { pixels, withPage } from "./browser.mjs";

async function openNetwork(page) {
  await page.getByRole("tab", { name: "The network" }).click();
  await page.locator(".tile-button").nth(23).waitFor();
}

/** A place on the screen where the layer called `name` is in front of all others. */
const placeOf = (page, name) => page.locator(`.layer[data-layer="${name}"]`).evaluate((layer) => {
  const boxes = [...layer.children].map((face) => face.getBoundingClientRect());
  for (const box of boxes) {
    for (let step = 1; step < 20; step++) {
      for (let down = 1; down < 20; down++) {
        const [x, y] = [box.left + (box.width * step) / 20, box.top + (box.height * down) / 20];
        if (layer.contains(document.elementFromPoint(x, y))) return [x, y];
      }
    }
  }
  throw new Error("the layer is hidden by others");
});

test("a layer that is clicked shows its feature maps for this picture", () => withPage(async (page) => {
  await openNetwork(page);
  assert.equal(await page.locator(".layer").count(), 23);
  assert.equal(await page.locator("tbody tr").count(), 23);
  assert.match(await page.locator("tfoot").textContent(), /2\u202f618\u202f421/);
  await page.mouse.click(...await placeOf(page, "block1_conv2"));
  await page.getByRole("heading", { name: "block1_conv2" }).waitFor();
  await page.getByText("16 feature maps", { exact: true }).waitFor();
  assert.equal(await page.locator(".tile-button").count(), 16);
  assert.equal(await page.locator('tr[aria-current="true"] .row-button').textContent(), "block1_conv2");
  assert.match(await page.locator(".layer-settings").textContent(), /16 filters of 3 × 3 · relu · gives 224 × 224 × 16 · 2\u202f320 parameters/);
}));

test("the fronts of the layers show maps of this picture", () => withPage(async (page) => {
  await openNetwork(page);
  const front = '.layer[data-layer="block2_conv1"] canvas';
  await page.waitForFunction((front) => document.querySelector(front).width === 112, front);
  const first = await pixels(page, front);
  await page.getByRole("button", { name: "a drawn sunflower" }).click();
  for (let wait = 0; wait < 100 && first.equals(await pixels(page, front)); wait++) await page.waitForTimeout(100);
  assert.ok(!first.equals(await pixels(page, front)));
}));

test("a map is enlarged with its filter, in the order asked for", () => withPage(async (page) => {
  await openNetwork(page);
  await page.getByRole("button", { name: "block3_conv1", exact: true }).click();
  await page.getByText("24 of 64 feature maps").waitFor();
  await page.getByLabel("Order").selectOption("first");
  await page.locator('.tile-button[data-channel="0"]:first-child').waitFor();
  await page.getByRole("button", { name: "Feature map 7", exact: true }).click();
  await page.getByRole("heading", { name: "Filter 7" }).waitFor();
  assert.match(await page.locator(".filter-view canvas[role=img]").first().getAttribute("aria-label"), /^Feature map 7 of block3_conv1/);
  await page.locator(".kernels canvas").nth(31).waitFor();
  assert.equal(await page.locator(".kernels canvas").count(), 32);
  await page.getByRole("button", { name: "Show more" }).click();
  await page.locator(".tile-button").nth(63).waitFor();
  assert.equal(new Set(await page.locator(".tile-button span").allTextContents()).size, 64);
  assert.ok(await page.getByRole("button", { name: "Show more" }).isHidden());
  await page.getByRole("button", { name: "block1_conv1", exact: true }).click();
  await page.locator('.kernels[data-count="one"] canvas').waitFor();
}));

test("the stack is turned by dragging, which opens nothing", () => withPage(async (page) => {
  await openNetwork(page);
  const turned = () => page.locator(".world").evaluate((world) => getComputedStyle(world).transform);
  const before = await turned();
  const opened = await page.locator("#layer-title").textContent();
  const [x, y] = await placeOf(page, "block1_conv1");
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 80, y, { steps: 5 });
  await page.mouse.up();
  await page.waitForFunction((before) => getComputedStyle(document.querySelector(".world")).transform !== before, before);
  assert.equal(await page.locator("#layer-title").textContent(), opened);
}));
