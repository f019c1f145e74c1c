// What is shown can be kept, and asked for again from a shell.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { explained, nextFrame, occlude, shows, slide, withPage } from "./browser.mjs";

/** The file that the button `words` of `panel` saves. */
async function saved(page, panel, words) {
  const [download] = await Promise.all([page.waitForEvent("download"), panel.getByRole("button", { name: words, exact: false }).click()]);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

/** Two PNG files as the browser decodes them: {sizes, apart}, their sizes and the mean difference of their levels. */
const compared = (page, files) => page.evaluate(async (files) => {
  const pictures = await Promise.all(files.map(async (b64) => {
    const image = new Image();
    image.src = `data:image/png;base64,${b64}`;
    await image.decode();
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, image.width, image.height);
  }));
  const [one, other] = pictures.map(({ data }) => data);
  const apart = one.reduce((sum, value, index) => sum + Math.abs(value - other[index]), 0) / one.length;
  return { sizes: pictures.map(({ width, height }) => [width, height]), apart };
}, files.map((bytes) => bytes.toString("base64")));

test("a map is saved as JSON and npy with the same numbers", () => withPage(async (page) => {
  const panel = page.locator("#panel-saliency");
  const json = await saved(page, panel, "JSON:");
  assert.equal(json.name, "stop-sign-saliency-stop_sign.json");
  const { maps: [{ shape, data, class: { label } }] } = JSON.parse(json.bytes);
  assert.deepEqual([shape, label], [[224, 224], "stop_sign"]);
  const { bytes } = await saved(page, panel, "npy:");
  assert.equal(bytes.subarray(1, 6).toString(), "NUMPY");
  const start = 10 + bytes.readUInt16LE(8);
  assert.match(bytes.subarray(10, start).toString(), /'descr': '<f4', .*'shape': \(1, 224, 224\)/);
  assert.equal(start % 64, 0);
  const numbers = new Float32Array(bytes.buffer.slice(bytes.byteOffset + start));
  assert.deepEqual([...numbers], data.flat().map(Math.fround));
}));

/** Runs the line that `panel` copies, and tells how far what it draws is from the saved PNG. */
async function curled(page, panel, name) {
  const folder = mkdtempSync(join(tmpdir(), "glassbox-curl-"));
  try {
    const png = await saved(page, panel, "PNG:");
    assert.equal(png.name, name);
    await panel.getByRole("button", { name: "Copy as curl" }).click();
    const line = await page.evaluate(() => navigator.clipboard.readText());
    execFileSync("bash", ["-ec", line], { cwd: folder, stdio: "pipe" });
    return { line, ...await compared(page, [png.bytes, readFileSync(join(folder, name))]) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the copied curl draws what the saved PNG shows", () => withPage(async (page) => {
  await page.getByRole("button", { name: "vs flamingo: compare" }).click();
  await explained(page);
  await page.getByRole("button", { name: "Stop comparing" }).click();
  await slide(page, "#opacity", 0.8);
  await slide(page, "#cutoff", 0.3);
  await page.locator("#colormap").selectOption("turbo");
  await nextFrame(page);
  for (const name of ["grad-cam", "saliency"]) {
    const { sizes, apart } = await curled(page, page.locator(`#panel-${name}`), `stop-sign-${name}-stop_sign.png`);
    assert.deepEqual(sizes, [[640, 480], [640, 480]]);
    assert.ok(apart < 1.5, `${name}: ${apart} levels apart`);
  }
}));

test("the copied curl of two classes draws them with the divider where it stands", () => withPage(async (page) => {
  await occlude(page);
  await page.getByRole("button", { name: "vs flamingo: compare" }).click();
  await explained(page);
  await slide(page, "#opacity", 0.9);
  const divider = page.getByRole("slider", { name: "Divider between the two classes of Grad-CAM" });
  await divider.focus();
  for (let step = 0; step < 9; step++) await page.keyboard.press("ArrowLeft");
  await nextFrame(page);
  await shows(page, "occlusion");
  for (const name of ["grad-cam", "saliency", "occlusion"]) {
    const { line, sizes, apart } = await curled(page, page.locator(`#panel-${name}`), `stop-sign-${name}-stop_sign-vs-flamingo.png`);
    assert.match(line, /class=stop_sign&class=flamingo.*divider=0\.32/);
    assert.deepEqual(sizes, [[640, 480], [640, 480]]);
    assert.ok(apart < 1.5, `${name}: ${apart} levels apart`);
  }
}));
