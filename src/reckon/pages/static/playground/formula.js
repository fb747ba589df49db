/** A formula's element: MathML made of its TeX by Temml, which is loaded when the first formula is there. */

import { h } from "./dom.js";

const TEMML = new URL("../vendor/temml/temml.min.js", import.meta.url).href;
const STYLES = new URL("../vendor/temml/Temml-Local.css", import.meta.url).href;
const KEPT = 300;
const LIMITS = { trust: false, throwOnError: true, maxExpand: 1000, maxSize: [20, 60] };

/** Its TeX at first, MathML as soon as Temml is there, the TeX still if Temml cannot read it. */
export function formula(tex, { display, isOpen }) {
  const element = h("span", { class: display ? "pg-math pg-math-display" : "pg-math" }, h("code", {}, tex));
  if (!isOpen) typeset(element, tex, display);
  return element;
}

async function typeset(element, tex, display) {
  try {
    const temml = await loaded();
    element.replaceChildren(made(temml, tex, display).cloneNode(true));
  } catch (error) {
    element.title = String(error.message ?? error);
  }
}

const kept = new Map();

/** The formula's nodes, kept for when the block that it stands in grows and is made again. Throws what Temml cannot read. */
function made(temml, tex, display) {
  const key = `${display} ${tex}`;
  if (!kept.has(key)) {
    const place = document.createElement("span");
    temml.render(tex, place, { ...LIMITS, displayMode: display });
    const fragment = document.createDocumentFragment();
    fragment.append(...place.childNodes);
    if (kept.size >= KEPT) kept.clear();
    kept.set(key, fragment);
  }
  return kept.get(key);
}

let loading = null;

function loaded() {
  loading ??= new Promise((resolve, reject) => {
    const script = h("script", {
      src: TEMML,
      onload: () => resolve(globalThis.temml),
      onerror: () => reject(new Error("Temml could not be loaded.")),
    });
    document.head.append(h("link", { rel: "stylesheet", href: STYLES }), script);
  });
  return globalThis.temml ? globalThis.temml : loading;
}
