// A call as a line for the shell, for exactly what is shown.

import { address } from "./api.js";
import { announce } from "./dom.js";
import { hasKey } from "./key.js";

/** `text` as one word of a shell. */
const quoted = (text) => (/^[\w@=:./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/**
 * The lines for a call at `url`: of the `picture`, if there is one, with an answer in the file `output`. A picture of the gallery
 * is fetched first. Where calls need an API key, the shell's variable GLASSBOX_KEY stands for it.
 */
export function curl(url, { picture, accept, output, method }) {
  const lines = [];
  const parts = ["curl"];
  if (picture) {
    if (picture.source) lines.push(`curl -s -o ${quoted(picture.name)} ${quoted(address(picture.source))}`);
    parts.push(`-F ${quoted(`image=@${picture.name}`)}`);
  } else if (method) {
    parts.push(`-X ${method}`);
  }
  // The key itself has no place in a line that people pass on.
  if (hasKey()) parts.push('-H "X-API-Key: $GLASSBOX_KEY"');
  if (accept) parts.push(`-H 'Accept: ${accept}'`);
  if (output) parts.push(`-o ${quoted(output)}`);
  parts.push(quoted(url));
  return [...lines, parts.join(" ")].join("\n");
}

/** Puts `text` on the clipboard; where the browser does not allow that, shows it to be copied by hand. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    announce("Copied: paste it into a shell", { shown: true });
  } catch {
    window.prompt("Copy this line:", text);
  }
}
