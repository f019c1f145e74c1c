// How maps are drawn: changes are seen at once, since they are made here.

import { beforeFrame, byId, h, percent, words } from "./dom.js";
import { colormaps } from "./map-view.js";
import { change, on, state } from "./state.js";

/** Colour maps by the names that people know, those whose even steps look even first. */
const NAMES = {
  inferno: "Inferno", viridis: "Viridis", magma: "Magma", plasma: "Plasma", cividis: "Cividis", turbo: "Turbo", jet: "Jet", gray: "Gray",
};

function setLook(part) {
  change({ look: { ...state.look, ...part } });
}

function slider(id, key) {
  const [input, output] = [byId(id), byId(`${id}-value`)];
  const tell = beforeFrame(() => setLook({ [key]: Number(input.value) }));
  input.value = state.look[key];
  input.addEventListener("input", () => {
    output.textContent = percent(Number(input.value));
    tell();
  });
  output.textContent = percent(state.look[key]);
}

function sayTitle() {
  const { chosen, rival } = state;
  const title = byId("why");
  if (!chosen) return;
  const name = (cls, { label }) => h("em", { class: cls }, words(label));
  title.replaceChildren("Why ", name("name-a", chosen), ...(rival ? [", not ", name("name-b", rival)] : []), "?");
  byId("stop-comparing").hidden = !rival;
  byId("scale-note").textContent = rival
    ? "Both classes share one scale, so their colours can be compared. Drag the divider in any picture."
    : "Colours are scaled to each map: a bright one can be of tiny numbers. Read its bar.";
}

/** Fills the tools, and lets them change the state. */
export function startLook() {
  const select = byId("colormap");
  const known = Object.keys(NAMES).filter((name) => colormaps.has(name));
  select.replaceChildren(...known.map((value) => h("option", { value }, NAMES[value])));
  select.value = state.look.colormap;
  select.addEventListener("change", () => setLook({ colormap: select.value }));
  slider("opacity", "opacity");
  slider("cutoff", "cutoff");
  byId("stop-comparing").addEventListener("click", () => change({ rival: null }));
  on("chosen rival", sayTitle);
}
