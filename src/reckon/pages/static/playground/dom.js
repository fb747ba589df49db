/** Elements in one expression. Text becomes text nodes: nothing here, or anywhere in the playground, parses HTML. */

import { copy } from "../copy.js";

/**
 * `properties`: `class`, `dataset`, listeners as `onclick` and so on; what the element has as a property is set as one, the rest
 * as attributes. Values of null, undefined and false are left out. Children are nodes or text.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A button that is no submit, unless it is told to be. */
export function button(label, onclick, properties = {}) {
  return h("button", { type: "button", class: "button quiet", onclick, ...properties }, ...[label].flat());
}

/** A button that copies what `text()` gives. */
export function copyButton(label, text) {
  const made = button(label, () => copy(made, text()));
  return made;
}

/** Calls `work` at most once a frame, with the newest state there is. */
export function onceAFrame(work) {
  let asked = 0;
  return () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      work();
    });
  };
}
