// Long work: it shows how far it is, the picture grows, and it can be stopped.

import assert from "node:assert/strict";
import { test } from "node:test";

import { explained, occlude, origin, pixels, shows, withPage } from "./browser.mjs";

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

test("one request brings all maps by a job: the quick ones at once, occlusion's as it grows", () => withPage(async (page) => {
  const panel = await occlude(page, 4);
  await shows(page, "occlusion", "growing");
  const asked = [];
  page.on("request", (request) => request.method() === "POST" && request.headers().prefer === "respond-async" && asked.push(request));
  await page.getByRole("button", { name: /^flamingo 2/ }).click();
  await page.getByRole("heading", { name: "Why flamingo?" }).waitFor();
  await explained(page);
  await shows(page, "occlusion", "growing");
  assert.match(await panel.locator(".job-text").textContent(), /^\d.* %/);
  const seen = [await pixels(page, "#panel-occlusion canvas[role=img]")];
  assert.ok(seen[0].some((value) => value > 0));
  for (let wait = 0; wait < 100 && seen[0].equals(await pixels(page, "#panel-occlusion canvas[role=img]")); wait++) await page.waitForTimeout(100);
  assert.ok(!seen[0].equals(await pixels(page, "#panel-occlusion canvas[role=img]")), "the map grows");
  assert.equal(asked.length, 1);
  assert.deepEqual(new URL(asked[0].url()).searchParams.getAll("technique"), ["grad-cam", "saliency", "guided-backprop", "guided-grad-cam", "occlusion"]);
  await panel.getByRole("button", { name: "Cancel" }).click();
  await hasStatus("cancelled");
}));

test("occlusion shows the whole map in the end", () => withPage(async (page) => {
  const panel = await occlude(page, 56);
  await shows(page, "occlusion");
  assert.ok((await pixels(page, "#panel-occlusion canvas[role=img]")).some((value) => value > 0));
  await hasStatus("succeeded");
  assert.match(await panel.locator(".bar-numbers").textContent(), /0\.\d/);
}));

test("a running job is cancelled, also on the server", () => withPage(async (page) => {
  const panel = await occlude(page, 2);
  await hasStatus("running");
  await panel.getByRole("button", { name: "Cancel" }).click();
  await panel.getByRole("button", { name: "Run occlusion" }).waitFor();
  await hasStatus("cancelled");
  assert.equal(await page.getByRole("alert").count(), 0);
}));

test("a job that nobody will see is cancelled when the page is left", () => withPage(async (page) => {
  await occlude(page, 2);
  await hasStatus("running");
  await page.goto("about:blank");
  await hasStatus("cancelled");
}));

test("while no worker is free, what takes no time is asked for in line", () => withPage(async (page) => {
  const busy = (await (await fetch(`${origin()}/v1/models/vgg16-caltech101/activation-maximization?class=0&iterations=4096`, {
    method: "POST", headers: { prefer: "respond-async" },
  })).json()).id;
  try {
    await page.getByRole("button", { name: /^flamingo 2/ }).click();
    await shows(page, "guided-grad-cam");
    assert.match(await page.locator("#panel-occlusion .job-text").textContent(), /Waiting for a worker/);
  } finally {
    await fetch(`${origin()}/v1/jobs/${busy}`, { method: "DELETE" });
  }
  await explained(page);
}));

test("a connection that breaks is taken up again after the last event", () => withPage(async (page) => {
  const asked = [];
  page.on("request", (request) => request.url().endsWith("/events") && asked.push(request.headers()["last-event-id"]));
  let broken = false;
  await page.route("**/events", async (route) => {
    if (broken) return route.continue();
    broken = true;
    await route.fulfill({ contentType: "text/event-stream", body: ": hello\n\nevent: progress\nid: 1\ndata: {\"status\": \"running\", \"progress\": 0}\n\nevent: pro" });
  });
  await occlude(page, 56);
  await shows(page, "occlusion");
  assert.deepEqual(asked, [undefined, "1"]);
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
