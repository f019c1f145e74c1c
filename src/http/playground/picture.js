// The picture: from the gallery, dropped, pasted, picked, or photographed.

import { address } from "./api.js";
import { byId, h } from "./dom.js";
import { GALLERY } from "./gallery.js";
import { showProblem } from "./problem.js";
import { change, on, state } from "./state.js";

/** Takes `file` as the picture, if the browser can show it. */
async function take(file, { alt, source } = {}) {
  showProblem(byId("picture-problem"), null);
  const url = URL.createObjectURL(file);
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
    if (!image.naturalWidth) throw new Error("a drawing without a size");
  } catch {
    URL.revokeObjectURL(url);
    const detail = `“${file.name || "this"}” is not a picture that this browser can show: take a JPEG, PNG, GIF, WebP or BMP file`;
    showProblem(byId("picture-problem"), { title: "No picture", message: detail });
    return;
  }
  const name = file.name || `pasted.${file.type.split("/")[1] ?? "png"}`;
  const size = { width: image.naturalWidth, height: image.naturalHeight };
  const last = state.picture;
  change({ picture: { file, name, alt: alt ?? `your picture ${name}`, url, source, ...size }, predictions: null, chosen: null, rival: null });
  if (last) URL.revokeObjectURL(last.url);
}

async function takeFromGallery({ name, alt }) {
  const source = `playground/gallery/${name}`;
  const response = await fetch(address(source));
  await take(new File([await response.blob()], name, { type: response.headers.get("content-type") }), { alt, source });
}

/** The first picture among files that were dropped, pasted or picked. */
function takeFirst(files) {
  const list = [...(files ?? [])];
  const file = list.find(({ type }) => type.startsWith("image/")) ?? list[0];
  if (file) take(file);
}

function show() {
  const { picture } = state;
  const photo = byId("photo");
  photo.src = picture.url;
  photo.alt = `The picture that is explained: ${picture.alt}`;
  byId("photo-frame").style.setProperty("--ratio", picture.width / picture.height);
  byId("photo-facts").textContent = `${picture.name} · ${picture.width} × ${picture.height}`;
  for (const button of byId("gallery").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", button.dataset.source === picture.source);
  }
}

function addGallery() {
  const item = (picture) => {
    const source = `playground/gallery/${picture.name}`;
    const image = h("img", { src: address(source), alt: picture.alt, width: 96, height: 72 });
    const button = h("button", { type: "button", "aria-pressed": "false", on: { click: () => takeFromGallery(picture) } }, image);
    button.dataset.source = source;
    return h("li", {}, button);
  };
  byId("gallery").replaceChildren(...GALLERY.map(item));
}

/** Files that are dragged over any part of the page can be dropped there. */
function listenToDrops() {
  let depth = 0;
  const drag = (inside) => document.body.classList.toggle("dropping", inside);
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => hasFiles(event) && drag(++depth > 0));
  addEventListener("dragleave", (event) => hasFiles(event) && drag(--depth > 0));
  addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    drag(false);
    takeFirst(event.dataTransfer.files);
  });
}

/** Starts with the first picture of the gallery, so that there is something to see at once. */
export function startPicture() {
  addGallery();
  on("picture", () => state.picture && show());
  for (const id of ["pick", "snap"]) {
    const input = byId(`${id}-file`);
    byId(id).addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      takeFirst(input.files);
      input.value = "";
    });
  }
  addEventListener("paste", (event) => takeFirst(event.clipboardData?.files));
  listenToDrops();
  return takeFromGallery(GALLERY[0]);
}
