// Maps: of a class, in colours that change at once, with the numbers that they stand for.

import assert from "node:assert/strict";
import { test } from "node:test";

import { explained, nextFrame, occlude, origin, pixels, shows, slide, withPage } from "./browser.mjs";

const CANVAS = "#panel-grad-cam canvas[role=img]";

/** The opacity of each pixel, 0 to 255. */
const opacities = (bytes) => bytes.filter((_, index) => index % 4 === 3);

/** What the service says of the first picture. */
async function answer(options) {
  const picture = await (await fetch(`${origin()}/playground/gallery/stop-sign.webp`)).blob();
  const url = `${origin()}/v1/models/vgg16-caltech101/explain?${new URLSearchParams(options)}`;
  return (await fetch(url, { method: "POST", body: picture })).json();
}

test("one request brings the maps of all techniques, and a second class another", () => withPage(async (page) => {
  const first = await pixels(page, CANVAS);
  await occlude(page);
  await shows(page, "occlusion");
  const asked = [];
  page.on("request", (request) => request.url().includes("/explain") && asked.push(new URL(request.url())));
  await page.getByRole("button", { name: /^flamingo 2/ }).click();
  await page.getByRole("heading", { name: "Why flamingo?" }).waitFor();
  await explained(page);
  await shows(page, "occlusion");
  assert.equal(asked.length, 1);
  assert.deepEqual(asked[0].searchParams.getAll("technique"), ["grad-cam", "saliency", "guided-backprop", "guided-grad-cam", "occlusion"]);
  assert.ok(!first.equals(await pixels(page, CANVAS)));
  await page.getByRole("button", { name: /^stop sign/ }).click();
  await page.getByRole("heading", { name: "Why stop sign?" }).waitFor();
  await explained(page);
  assert.equal(asked.length, 1, "what is there is not asked for again");
  assert.ok(first.equals(await pixels(page, CANVAS)));
}));

test("any class can be named", () => withPage(async (page) => {
  await page.getByLabel("Explain another class").fill("yin yang");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Why yin yang?" }).waitFor();
  assert.equal(await page.locator("#bars li").count(), 6);
}));

test("sliders and colours change the pixels without a request", () => withPage(async (page) => {
  await occlude(page);
  await shows(page, "occlusion");
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  const seen = [await pixels(page, CANVAS)];
  const changed = async (what) => {
    await nextFrame(page);
    const now = await pixels(page, CANVAS);
    for (const before of seen) assert.ok(!before.equals(now), what);
    seen.push(now);
  };
  await slide(page, "#opacity", 0.25);
  await changed("opacity");
  assert.ok(opacities(seen[1]).every((opacity) => opacity === 64));
  await slide(page, "#cutoff", 0.5);
  await changed("cutoff");
  const hidden = opacities(seen[2]).filter((opacity) => opacity === 0).length / opacities(seen[2]).length;
  assert.ok(hidden > 0.5 && hidden < 1, `${hidden} of the pixels are hidden`);
  await page.locator("#colormap").selectOption("viridis");
  await changed("colour map");
  assert.deepEqual(requests, []);
}));

test("the bar states real values, and the cursor reads them", () => withPage(async (page) => {
  const { explanations: [gradCam] } = await answer({ technique: "grad-cam", class: "stop_sign" });
  const { data, max, shape: [rows, columns] } = gradCam.maps[0];
  const bar = page.locator("#panel-grad-cam .bar-numbers span");
  assert.equal(Number(await bar.nth(2).textContent()), Number(max.toPrecision(3)));
  const row = data.findIndex((row) => row.includes(max));
  const column = data[row].indexOf(max);
  const box = await page.locator(CANVAS).boundingBox();
  await page.mouse.move(box.x + (box.width * (column + 0.5)) / columns, box.y + (box.height * (row + 0.5)) / rows);
  const read = Number(await bar.nth(1).textContent());
  assert.ok(Math.abs(read - max) < 0.03 * max, `${read} under the cursor, ${max} in the map`);
  await page.mouse.move(5, 5);
  assert.equal(await bar.nth(1).textContent(), "weighted activation");
}));

test("a variant, a layer and a further technique can be chosen", () => withPage(async (page) => {
  const before = await pixels(page, CANVAS);
  const panel = page.locator("#panel-grad-cam");
  await panel.getByLabel("Variant").selectOption("layercam");
  await explained(page);
  const variant = await pixels(page, CANVAS);
  assert.ok(!variant.equals(before));
  await panel.getByRole("combobox", { name: "Layer", exact: true }).selectOption("block4_conv3");
  await explained(page);
  assert.equal(await panel.locator(".panel-layer").textContent(), "block4_conv3");
  assert.ok(!variant.equals(await pixels(page, CANVAS)));
  await page.getByRole("checkbox", { name: "DeconvNet" }).check();
  await shows(page, "deconvnet");
  await page.getByRole("checkbox", { name: "Saliency", exact: true }).uncheck();
  assert.ok(await page.locator("#panel-saliency").isHidden());
}));

test("each technique says its pitfall and its paper", () => withPage(async (page) => {
  for (const panel of await page.locator(".panel:not([hidden])").all()) {
    await panel.locator("summary").click();
    assert.match(await panel.locator(".papers a").first().getAttribute("href"), /^https:\/\/arxiv\.org\/abs\//);
  }
  assert.match(await page.locator("#panel-guided-backprop .help").textContent(), /fails sanity checks/);
  assert.match(await page.locator("#scale-note").textContent(), /scaled to each map/);
}));
