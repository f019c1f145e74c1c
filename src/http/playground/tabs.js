// The views as tabs: arrows go from one to the next.

import { byId } from "./dom.js";
import { change, on, state } from "./state.js";

const NAMES = ["explain", "network", "imagine"];

function show() {
  for (const name of NAMES) {
    const tab = byId(`tab-${name}`);
    tab.setAttribute("aria-selected", name === state.tab);
    tab.tabIndex = name === state.tab ? 0 : -1;
    byId(`view-${name}`).hidden = name !== state.tab;
  }
}

function byKey(event) {
  const at = NAMES.indexOf(state.tab);
  const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: NAMES.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  change({ tab: NAMES[(next + NAMES.length) % NAMES.length] });
  byId(`tab-${state.tab}`).focus();
}

/** Lets the tabs be chosen. */
export function startTabs() {
  for (const name of NAMES) byId(`tab-${name}`).addEventListener("click", () => change({ tab: name }));
  byId("tabs").addEventListener("keydown", byKey);
  on("tab", show);
}
