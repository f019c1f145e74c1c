// Long work: it shows how far it is, the picture grows, and it can be stopped.

import assert from "node:assert/strict";
import { test } from "node:test";

import { origin, pixels, withPage } from "./browser.mjs";

/** The newest job of the service. */
const newest = async () => (await (await fetch(`${origin()}/v1/jobs?limit=1`)).json()).jobs[0];

/** Waits until the newest job has `status`. */
async function hasStatus(status) {
  for (let wait = 0; wait < 100; wait++) {
    if ((await newest()).status === status) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.equal((await newest()).status, status);
}

test("occlusion runs as a job and shows its map", () => withPage(async (page) => {
  const panel = page.locator("#panel-occlusion");
  await panel.getByLabel("Step, px").fill("56");
  await panel.getByRole("button", { name: "Run occlusion" }).click();
  await panel.getByRole("progressbar").waitFor();
  await page.locator('#panel-occlusion[data-state="ready"]').waitFor();
  assert.ok((await pixels(page, "#panel-occlusion canvas[role=img]")).some((value) => value > 0));
  assert.equal((await newest()).status, "succeeded");
  assert.match(await panel.locator(".bar-numbers").textContent(), /0\.\d/);
}));

test("a running job is cancelled, also on the server", () => withPage(async (page) => {
  const panel = page.locator("#panel-occlusion");
  await panel.getByLabel("Step, px").fill("2");
  await panel.getByRole("button", { name: "Run occlusion" }).click();
  await hasStatus("running");
  await panel.getByRole("button", { name: "Cancel" }).click();
  await panel.getByRole("button", { name: "Run occlusion" }).waitFor();
  await hasStatus("cancelled");
  assert.equal(await page.getByRole("alert").count(), 0);
}));

test("a job that nobody will see is cancelled when the page is left", () => withPage(async (page) => {
  const panel = page.locator("#panel-occlusion");
  await panel.getByLabel("Step, px").fill("2");
  await panel.getByRole("button", { name: "Run occlusion" }).click();
  await hasStatus("running");
  await page.goto("about:blank");
  await hasStatus("cancelled");
}));

test("a class is drawn while the picture grows, and can be kept", () => withPage(async (page) => {
  await page.getByRole("tab", { name: "Imagination" }).click();
  await page.getByRole("combobox", { name: "Class", exact: true }).fill("yin yang");
  await page.getByLabel("Steps").fill("80");
  await page.getByRole("button", { name: "Draw it" }).click();
  await page.getByText(/\d+ of 80 steps/).waitFor();
  const image = page.locator("#imagine-place img");
  await page.getByAltText("yin yang: the picture made for it, so far").waitFor();
  const growing = await image.getAttribute("src");
  await page.getByAltText("yin yang: the picture made for it, finished").waitFor();
  assert.notEqual(await image.getAttribute("src"), growing);
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#imagine-place").getByRole("button", { name: "npy:" }).click()]);
  assert.match(download.suggestedFilename(), /yin_yang.*\.npy$/);
  await page.getByAltText("What the model sees as yin yang").waitFor();
}));

test("a filter is drawn, and drawing it is stopped", () => withPage(async (page) => {
  await page.getByRole("tab", { name: "The network" }).click();
  await page.getByRole("button", { name: "block3_conv1", exact: true }).click();
  await page.getByText("24 of 64 feature maps").waitFor();
  const draw = page.getByRole("button", { name: /^Draw what filter \d+ answers to/ });
  await draw.click();
  await page.locator(".filter-view").getByRole("button", { name: "Cancel" }).click();
  await page.locator(".filter-view").getByText("Nothing drawn yet").waitFor();
  await hasStatus("cancelled");
  await draw.click();
  await page.getByAltText(/^block3_conv1, filter \d+: the picture made for it, finished/).waitFor({ timeout: 120_000 });
}));
