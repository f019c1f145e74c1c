// Pictures to begin with, drawn by us: what the default model knows, and one that it gets wrong.

/** Names of files in `playground/gallery`, and what they show. */
export const GALLERY = [
  { name: "stop-sign.webp", alt: "a drawn stop sign by a road" },
  { name: "sunflower.webp", alt: "a drawn sunflower" },
  { name: "pyramid.webp", alt: "a drawn pyramid in the desert" },
  { name: "butterfly.webp", alt: "a drawn butterfly" },
  { name: "umbrella.webp", alt: "a drawn red umbrella" },
  { name: "ketch.webp", alt: "a drawn sailing boat with two masts" },
  { name: "yin-yang.webp", alt: "a drawn yin yang" },
  { name: "soccer-ball.webp", alt: "a drawn football, which the default model takes for a panda" },
];
