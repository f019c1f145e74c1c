// How fast it is: measured and told, and bounded loosely, since the machine may be busy.

import assert from "node:assert/strict";
import { test } from "node:test";

import { shows, withPage } from "./browser.mjs";

/** Keeps the page's own measurements, from before it loads. */
const OBSERVE = () => {
  window.measured = { tasks: [], shift: 0 };
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.measured.tasks.push(Math.round(duration));
  }).observe({ type: "longtask", buffered: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.measured.shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
};

test("the first paint is soon, sliders do not stall, and nothing jumps", (t) => withPage(async (page) => {
  await page.addInitScript(OBSERVE);
  await page.reload();
  await shows(page, "saliency");
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  const shift = await page.evaluate(() => window.measured.shift);
  t.diagnostic(`first contentful paint after ${Math.round(paint)} ms; layout shift ${shift.toFixed(4)}`);
  await page.evaluate(() => { window.measured.tasks = []; });
  for (const selector of ["#opacity", "#cutoff"]) {
    const box = await page.locator(selector).boundingBox();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    for (let step = 0; step < 60; step++) await page.mouse.move(x + 80 * Math.sin(step / 5), y);
    await page.mouse.up();
  }
  const tasks = await page.evaluate(() => window.measured.tasks);
  t.diagnostic(`tasks over 50 ms while two sliders are dragged: ${tasks.length ? `${tasks.join(", ")} ms` : "none"}`);
  assert.ok(paint < 5000, `first paint after ${paint} ms`);
  assert.ok(tasks.every((duration) => duration < 500), `${tasks}`);
  assert.ok(shift < 0.1, `a layout shift of ${shift}`);
}));
