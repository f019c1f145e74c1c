// What goes wrong is said in words, with the id under which the server's log has it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { shows, withPage } from "./browser.mjs";

/** A picture of `width` x `height`, as a file for the page's input. */
async function picked(page, width, height) {
  const b64 = await page.evaluate(([width, height]) => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").fillRect(0, 0, width, height);
    return canvas.toDataURL("image/png").split(",")[1];
  }, [width, height]);
  await page.locator("#pick-file").setInputFiles({ name: "long.png", mimeType: "image/png", buffer: Buffer.from(b64, "base64") });
}

test("a picture that the server refuses is refused in words with the request id", () => withPage(async (page) => {
  const answers = [];
  page.on("response", (response) => response.status() === 422 && answers.push(response.headers()["x-request-id"]));
  await picked(page, 16_390, 2);
  const alert = page.locator("#predictions-problem").getByRole("alert");
  await alert.waitFor();
  assert.match(await alert.textContent(), /This cannot be done.*16390.*Request/s);
  assert.equal(await alert.locator("code").textContent(), answers[0]);
  await page.getByRole("button", { name: "a drawn sunflower" }).click();
  await page.getByRole("heading", { name: "Why sunflower?" }).waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
}, { expected: ["status of 422"] }));

test("a file that is no picture is refused before it is sent", () => withPage(async (page) => {
  await page.locator("#pick-file").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
  const alert = page.locator("#picture-problem").getByRole("alert");
  await alert.waitFor();
  assert.match(await alert.textContent(), /“notes\.txt” is not a picture/);
  assert.equal(await page.locator("#why").textContent(), "Why stop sign?");
}));

test("a failed job says why, and can be tried again", () => withPage(async (page) => {
  const panel = page.locator("#panel-occlusion");
  await panel.getByLabel("Square, px").fill("5000");
  await page.keyboard.press("Tab");
  await panel.getByRole("button", { name: "Run occlusion" }).click();
  const alert = panel.getByRole("alert");
  await alert.waitFor();
  assert.match(await alert.textContent(), /patch.*5000/is);
  await panel.getByLabel("Square, px").fill("100");
  await panel.getByLabel("Step, px").fill("56");
  await page.keyboard.press("Tab");
  await panel.getByRole("button", { name: "Run occlusion" }).click();
  await shows(page, "occlusion");
  assert.equal(await page.getByRole("alert").count(), 0);
}, { expected: ["status of 422"] }));

test("a server that is away is said to be", () => withPage(async (page) => {
  await page.route("**/predict**", (route) => route.abort("connectionrefused"));
  await page.getByRole("button", { name: "a drawn sunflower" }).click();
  const alert = page.locator("#predictions-problem").getByRole("alert");
  assert.match(await alert.textContent(), /cannot be reached/);
  await page.unroute("**/predict**");
  await alert.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: "Why sunflower?" }).waitFor();
  // The browser itself reports the connection that this test cut.
}, { expected: ["ERR_CONNECTION_REFUSED"] }));
