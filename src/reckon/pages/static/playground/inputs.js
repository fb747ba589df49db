/**
 * The plain inputs of a field: slider, number, text, switch, words. Each factory takes the field and the id of its main element.
 *
 * An input is {element, main, state(), restore(state), value(), fault()}: `main` is what the label names, `state` is what is
 * stored and may be anything typed, `value` is what is sent (undefined: nothing), `fault` says what is wrong with it, or null.
 * `editors.js` has the others of the same shape.
 */

import { h } from "./dom.js";
import { bounds, isWithin, rangeText } from "./fields.js";
import { typedNumber } from "./request.js";

export function number(field, id) {
  const placeholder = field.default === null ? "not set" : String(field.default);
  const main = h("input", { id, class: "input pg-number", inputmode: "decimal", autocomplete: "off", placeholder });
  return {
    element: main,
    main,
    state: () => main.value,
    restore: (state) => (main.value = state),
    value: () => typedNumber(main.value),
    fault: () => numberFault(field, typedNumber(main.value)),
  };
}

/** A number with a slider beside it; the number may be typed beyond the slider's ends, and the server says no. */
export function slider(field, id) {
  const { low, high, step } = bounds(field);
  const typed = number(field, id);
  const range = h("input", {
    type: "range",
    min: String(low),
    max: String(high),
    step: String(step),
    "aria-label": `${field.name}, slider`,
  });
  const follow = () => (range.value = String(typedNumber(typed.main.value) ?? field.default));
  range.addEventListener("input", () => (typed.main.value = range.value));
  typed.main.addEventListener("input", follow);
  follow();
  return {
    ...typed,
    element: h("div", { class: "pg-slider" }, range, typed.main),
    restore: (state) => {
      typed.restore(state);
      follow();
    },
  };
}

function numberFault(field, value) {
  if (value === undefined) return null;
  if (typeof value === "string") return `${field.name} should be a number.`;
  if (isWithin(field, value)) return null;
  return `Outside the range: ${rangeText(field)}.`;
}

export function text(field, id) {
  const main = h("input", { id, class: "input", type: "text", autocomplete: "off", placeholder: "not set" });
  return {
    element: main,
    main,
    state: () => main.value,
    restore: (state) => (main.value = state),
    value: () => main.value || undefined,
    fault: () => null,
  };
}

/** On or off where the table has a default, and a choice of three where it has none. */
export function toggle(field, id) {
  if (field.default === null) return choice(field, id, { true: true, false: false });
  const main = h("input", { id, type: "checkbox", class: "pg-switch" });
  main.checked = field.default;
  return {
    element: main,
    main,
    state: () => main.checked,
    restore: (state) => (main.checked = state),
    value: () => main.checked,
    fault: () => null,
  };
}

export function words(field, id) {
  return choice(field, id, Object.fromEntries(field.allowed.map((word) => [word, word])));
}

function choice(field, id, values) {
  const options = Object.keys(values).map((word) => h("option", { value: word }, word));
  const main = h("select", { id, class: "input" }, h("option", { value: "" }, "not set"), ...options);
  return {
    element: main,
    main,
    state: () => main.value,
    restore: (state) => (main.value = state),
    value: () => values[main.value],
    fault: () => null,
  };
}
