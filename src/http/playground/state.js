// What all panels share, and how they learn of its changes.

/** The page's state; changed by `change` alone. */
export const state = {
  /** The models, as `GET /v1/models` lists them. */
  models: [],
  /** The model in use, as `GET /v1/models/{model}` describes it. */
  model: null,
  /** The picture: {file, name, alt, url, width, height, source}. `source` is its address if it is one of the gallery. */
  picture: null,
  /** All classes of the picture, the likeliest first. */
  predictions: null,
  /** The class that is explained, and the one that it is compared with, or null: {index, label}. */
  chosen: null,
  rival: null,
  /** How maps are drawn. */
  look: { colormap: "inferno", opacity: 0.6, cutoff: 0 },
  /** Where the divider between two classes stands, 0 to 1. */
  divider: 0.5,
  /** The tab that is shown. */
  tab: "explain",
};

const listeners = new Map();

/** Calls `listener` after each change of any of `keys`. */
export function on(keys, listener) {
  for (const key of keys.split(" ")) {
    if (!listeners.has(key)) listeners.set(key, new Set());
    listeners.get(key).add(listener);
  }
}

/** Changes the state, and tells each listener once. */
export function change(changes) {
  Object.assign(state, changes);
  const told = new Set(Object.keys(changes).flatMap((key) => [...(listeners.get(key) ?? [])]));
  for (const listener of told) listener();
}

/** The classes that are explained: one, or two that are compared. */
export const explained = () => [state.chosen, state.rival].filter(Boolean);
