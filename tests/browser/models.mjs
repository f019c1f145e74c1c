// Several models: one is chosen, and one that cannot be had is said to be so.

import assert from "node:assert/strict";
import { test } from "node:test";

import { explained, withPage } from "./browser.mjs";

test("of several models one is chosen, a broken one is not offered, and one that is gone is told of", () => withPage(async (page) => {
  await page.route("**/v1/models", async (route) => {
    const answer = await (await route.fetch()).json();
    answer.models.unshift({ name: "damaged", title: "damaged", status: "broken", problem: "no model", licence: null });
    answer.models.push({ name: "gone", title: "One that is gone", status: "idle", licence: null });
    await route.fulfill({ json: answer });
  });
  await page.reload();
  await explained(page);
  const picker = page.getByRole("combobox", { name: "Model" });
  assert.equal(await picker.inputValue(), "vgg16-caltech101");
  assert.ok(await page.getByRole("option", { name: "damaged (broken)" }).isDisabled());
  await picker.selectOption("gone");
  const alert = page.locator("#model-problem").getByRole("alert");
  assert.match(await alert.textContent(), /There is no model `gone`.*Request/is);
  assert.equal(await picker.inputValue(), "vgg16-caltech101");
}, { expected: ["status of 404"] }));
