// Honest help: what is shown, its known pitfall, and the papers.

import { h } from "./dom.js";

/** A fold-out with the pitfall and the papers of `text`, for what `title` names. */
export function help({ pitfall, papers }, title) {
  const link = ({ name, url }) =>
    url ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, name) : name;
  return h("details", { class: "help" },
    h("summary", {}, "Pitfall and paper", h("span", { class: "hidden" }, ` of ${title}`)),
    h("p", {}, pitfall),
    h("ul", { class: "papers" }, papers.map((paper) => h("li", {}, link(paper)))),
  );
}
