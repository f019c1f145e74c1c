// For everyone: by keyboard, on a phone, with assistive technology, in light and dark.

import assert from "node:assert/strict";
import { test } from "node:test";
import axe from "axe-core";

import { explained, nextFrame, pixels, withPage } from "./browser.mjs";

/** What axe-core has against the page as it is, in short. */
async function violations(page) {
  // Evaluated by the debugger, which the page's policy does not bind.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, any }) => `${html.slice(0, 120)} ${any[0]?.message ?? ""}`).join(" | ")}`);
}

for (const colorScheme of ["light", "dark"]) {
  for (const [device, options] of Object.entries({ desktop: {}, phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } })) {
    test(`axe finds nothing in ${colorScheme} on a ${device}`, () => withPage(async (page) => {
      assert.deepEqual(await violations(page), []);
      await page.getByRole("button", { name: "vs flamingo: compare" }).click();
      await explained(page);
      await page.locator("#panel-grad-cam summary").click();
      await page.locator("#panel-occlusion").getByLabel("Square, px").fill("5000");
      await page.keyboard.press("Tab");
      await page.getByRole("button", { name: "Run occlusion" }).click();
      await page.getByRole("alert").waitFor();
      await page.locator("#panel-grad-cam .reader").focus();
      await page.evaluate(() => { document.querySelector("#key-form").hidden = false; });
      assert.deepEqual(await violations(page), []);
      await page.getByRole("tab", { name: "The network" }).click();
      await page.locator(".tile-button").nth(23).waitFor();
      await page.locator(".kernels canvas").first().waitFor();
      assert.deepEqual(await violations(page), []);
      await page.getByRole("tab", { name: "Imagination" }).click();
      assert.deepEqual(await violations(page), []);
    }, { colorScheme, expected: ["status of 422"], ...options }));
  }
}

test("the theme can be switched, and stays", () => withPage(async (page) => {
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const before = await background();
  await page.getByRole("button", { name: "Switch between light and dark" }).click();
  const after = await background();
  assert.notEqual(after, before);
  await page.reload();
  assert.equal(await background(), after);
}));

/** Presses Tab until `selector` has the focus. */
async function tabTo(page, selector, key = "Tab") {
  for (let presses = 0; presses < 150; presses++) {
    await page.keyboard.press(key);
    if (await page.evaluate((selector) => document.activeElement?.matches(selector), selector)) return;
  }
  assert.fail(`${selector} cannot be reached by ${key}`);
}

test("everything works by keyboard alone", () => withPage(async (page) => {
  await tabTo(page, '#gallery button[data-source*="sunflower"]');
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Why sunflower?" }).waitFor();
  await explained(page);
  await tabTo(page, "#bars li:nth-child(2) .bar-button");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#why").textContent !== "Why sunflower?");
  assert.ok(await page.evaluate(() => document.activeElement.matches("#bars li:nth-child(2) .bar-button")), "the focus stays");
  await explained(page);
  await tabTo(page, "#opacity");
  const before = await pixels(page, "#panel-grad-cam canvas[role=img]");
  await page.keyboard.press("ArrowLeft");
  await nextFrame(page);
  assert.ok(!before.equals(await pixels(page, "#panel-grad-cam canvas[role=img]")));
  await tabTo(page, "#panel-grad-cam .reader");
  const value = () => page.locator("#panel-grad-cam .bar-numbers span").nth(1).textContent();
  const said = () => page.locator("#panel-grad-cam .reader").getAttribute("aria-valuetext");
  const strongest = await value();
  assert.equal(strongest, await page.locator("#panel-grad-cam .bar-numbers span").nth(2).textContent(), "it begins where the map is strongest");
  assert.match(await said(), /^[\d.]+, \d+ % from the left, \d+ % from the top$/);
  const beginning = await said();
  for (const key of ["ArrowLeft", "ArrowUp", "PageUp"]) {
    const last = await said();
    await page.keyboard.press(key);
    assert.notEqual(await said(), last, key);
  }
  assert.ok((await said()).startsWith(`${await value()}, `), "what is said is what is shown");
  await page.keyboard.press("Home");
  assert.equal(await said(), beginning);
  await tabTo(page, "#panel-grad-cam summary");
  assert.doesNotMatch(await value(), /\d/, "the number goes with the mark");
  await page.keyboard.press("Enter");
  assert.ok(await page.locator("#panel-grad-cam .help").evaluate((help) => help.open));
  await tabTo(page, "#tab-explain", "Shift+Tab");
  await page.keyboard.press("ArrowRight");
  await page.locator(".tile-button").nth(23).waitFor();
  await tabTo(page, ".layer");
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "block1_conv1" }).waitFor();
  await page.getByText("16 feature maps", { exact: true }).waitFor();
  await tabTo(page, ".tile-button:nth-child(2)");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".tile-button:nth-child(2)").getAttribute("aria-pressed"), "true");
}));

test("on a phone nothing is wider than the screen, and all can be touched", () => withPage(async (page) => {
  for (const name of ["Explanations", "The network", "Imagination"]) {
    await page.getByRole("tab", { name }).tap();
    await nextFrame(page);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `${name}: ${width} pixels`);
  }
  await page.getByRole("tab", { name: "Explanations" }).tap();
  await page.getByRole("button", { name: /^flamingo 2/ }).tap();
  await page.getByRole("heading", { name: "Why flamingo?" }).waitFor();
  await explained(page);
  const small = await page.evaluate(() => [...document.querySelectorAll("button:not([role=tab]), select")].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && Math.min(box.width, box.height) < 24;
  }).map((element) => element.outerHTML.slice(0, 100)));
  assert.deepEqual(small, []);
}, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }));
