// Starts the page: the models, then each panel.

import { address, json, modelAddress } from "./api.js";
import { byId, h } from "./dom.js";
import { startExplanations } from "./explanations.js";
import { startImagine } from "./imagine.js";
import { onKey, startKey } from "./key.js";
import { hasMaps } from "./layers.js";
import { startLook } from "./look.js";
import { colormaps } from "./map-view.js";
import { startNetwork } from "./network.js";
import { startPicture } from "./picture.js";
import { startPredictions } from "./predictions.js";
import { showProblem } from "./problem.js";
import { change, state } from "./state.js";
import { startTabs } from "./tabs.js";

/** Turns to the model called `name`. */
async function use(name) {
  showProblem(byId("model-problem"), null);
  try {
    const [model, { layers }] = await Promise.all([json(modelAddress(name)), json(modelAddress(name, "/layers"))]);
    model.layerList = layers;
    model.featureLayers = layers.filter(hasMaps).map((layer) => layer.name);
    change({ model, predictions: null, chosen: null, rival: null });
  } catch (error) {
    showProblem(byId("model-problem"), error, () => use(name));
    byId("model").value = state.model?.name ?? name;
  }
}

/** The models to choose from; of one alone, its title. */
function offerModels({ models, default: first }) {
  const usable = models.filter(({ status }) => status !== "broken");
  const chosen = [state.model?.name, first].map((wanted) => usable.find(({ name }) => name === wanted)).find(Boolean) ?? usable[0];
  const select = byId("model");
  select.replaceChildren(...models.map(({ name, title, status }) =>
    h("option", { value: name, disabled: status === "broken" }, status === "broken" ? `${name} (broken)` : title)));
  select.value = chosen?.name;
  select.onchange = () => use(select.value);
  byId("model-field").hidden = models.length < 2;
  byId("model-name").hidden = models.length > 1;
  byId("model-name").textContent = chosen?.title ?? "";
  change({ models });
  return chosen?.name;
}

function startTheme() {
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    try {
      localStorage.setItem("glassbox-theme", root.dataset.theme);
    } catch {
      // The choice lasts as long as the page.
    }
  });
}

/** Asks what there is, and turns to the model in use, or the first. `picture` is done when there is one to see. */
async function load(picture) {
  showProblem(byId("model-problem"), null);
  try {
    const [list, maps] = await Promise.all([json(address("v1/models")), json(address("v1/colormaps"))]);
    const isFirst = !colormaps.size;
    for (const colormap of maps.colormaps) colormaps.set(colormap.name, colormap);
    if (isFirst) startLook();
    const name = offerModels(list);
    await picture;
    if (name) await use(name);
  } catch (error) {
    showProblem(byId("model-problem"), error, () => load(picture));
  }
}

function start() {
  startTheme();
  startTabs();
  startKey();
  startPredictions();
  startExplanations();
  startNetwork();
  startImagine();
  const picture = startPicture();
  onKey(() => load(picture));
  load(picture);
}

start();
