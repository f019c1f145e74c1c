// Where the service asks for API keys: the page has a field for one, sends it in a header, and shows it nowhere.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { explained, occlude, shows, withPage } from "./browser.mjs";
import { builtBinary, serve } from "./server.mjs";

let server;
let folder;
const keys = {};

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "glassbox-keys-"));
  const lines = Object.entries({ alice: "explain,jobs", bob: "explain" }).map(([name, scopes]) => {
    const said = execFileSync(builtBinary(), ["key", name, "--scopes", scopes], { encoding: "utf8" });
    [keys[name]] = /gbx_[\w-]+/.exec(said);
    return new RegExp(`^.*(${name} .*sha256:\\w+)$`, "m").exec(said)[1];
  });
  const file = join(folder, "keys");
  writeFileSync(file, `${lines.join("\n")}\n`);
  server = await serve({ GLASSBOX_AUTH__KEYS_FILE: file });
});

after(async () => {
  await server?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

/** Runs `test` with a page on the service that asks for keys. */
const withKeyPage = (test, expected) => withPage(test, { at: server.origin, ready: false, expected });

async function give(page, key) {
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Use this key" }).click();
}

test("without a key one is asked for, and a wrong one is refused in words with the request id", () => withKeyPage(async (page) => {
  const alert = page.locator("#model-problem").getByRole("alert");
  assert.match(await alert.textContent(), /An API key is needed.*Request/s);
  const refused = [];
  page.on("response", (response) => response.status() === 401 && refused.push(response.headers()["x-request-id"]));
  await give(page, "gbx_wrong");
  await alert.getByText(/is none, or no longer/).waitFor();
  assert.ok(refused.includes(await alert.locator("code").textContent()));
  assert.equal(await page.getByLabel("API key").getAttribute("type"), "password");
}, ["status of 401"]));

test("with a key everything works, jobs included, and the key is in no address and no copied line", () => withKeyPage(async (page) => {
  const addresses = [];
  page.on("request", (request) => addresses.push(request.url()));
  await give(page, keys.alice);
  await explained(page);
  await occlude(page);
  await shows(page, "occlusion");
  assert.equal(await page.getByRole("alert").count(), 0);
  assert.ok(addresses.some((address) => /\/v1\/jobs\/\w+\/events$/.test(address)), "the events of a job are read");
  const panel = page.locator("#panel-grad-cam");
  await panel.getByRole("button", { name: "Copy as curl" }).click();
  const line = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(line, /-H "X-API-Key: \$GLASSBOX_KEY"/);
  assert.ok(!line.includes(keys.alice));
  execFileSync("bash", ["-ec", line], { cwd: folder, stdio: "pipe", env: { ...process.env, GLASSBOX_KEY: keys.alice } });
  assert.equal(readFileSync(join(folder, "stop-sign-grad-cam-stop_sign.png")).subarray(1, 4).toString(), "PNG");
  await page.getByRole("tab", { name: "Imagination" }).click();
  await page.getByRole("combobox", { name: "Class", exact: true }).fill("yin yang");
  await page.getByLabel("Steps").fill("4");
  await page.getByRole("button", { name: "Draw it" }).click();
  await page.getByAltText("yin yang: the picture made for it, finished").waitFor();
  await page.reload();
  await explained(page);
  assert.ok(addresses.every((address) => !address.includes("gbx_")));
  assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes("gbx_")), false);
}, ["status of 401"]));

test("a key that allows no jobs explains all the same, and says what it does not allow", () => withKeyPage(async (page) => {
  await give(page, keys.bob);
  await shows(page, "guided-grad-cam");
  const alert = page.locator("#panel-occlusion").getByRole("alert");
  assert.match(await alert.textContent(), /This key does not allow it.*scope `jobs`.*Request/s);
  assert.equal(await page.getByRole("alert").count(), 1);
}, ["status of 401", "status of 403"]));
