/** One field with everything around its input: name, description, range and default, a way back, and what is wrong with it. */

import { button, h } from "./dom.js";
import * as editors from "./editors.js";
import { STARTING, controlKind, rangeText } from "./fields.js";
import * as inputs from "./inputs.js";
import { stringify } from "./json.js";

const KINDS = {
  slider: inputs.slider,
  number: inputs.number,
  text: inputs.text,
  switch: inputs.toggle,
  words: inputs.words,
  json: editors.json,
  tools: editors.tools,
  choice: editors.toolChoice,
  format: editors.format,
  lines: editors.lines,
};

export class Control {
  /** `changed` is called after each edit. */
  constructor(field, changed) {
    this.field = field;
    this.kind = controlKind(field);
    this.input = KINDS[this.kind](field, `pg-${field.name}`);
    this.#build();
    this.#begin();
    this.element.addEventListener("input", () => {
      this.accept();
      changed();
    });
    this.#changed = changed;
  }

  #changed;
  #start;
  #fault = h("p", { class: "pg-fault", hidden: true });
  #reset = button("Reset", () => this.#goBack(), { class: "pg-reset", hidden: true });
  #refusal = null;

  get name() {
    return this.field.name;
  }

  get isChanged() {
    return stringify(this.input.state()) !== stringify(this.#start);
  }

  /** What is sent; undefined for nothing. */
  value() {
    return this.input.value();
  }

  /** Why this cannot be sent at all, or null. Whether the value is good is the server's to say. */
  blocked() {
    return this.input.blocked?.() ?? null;
  }

  state() {
    return this.input.state();
  }

  /** Puts a stored state back; undefined is the one it began with. */
  restore(state = this.#start) {
    this.input.restore(state);
    this.accept();
  }

  /** Shows the server's sentence here until the field is edited. */
  refuse(sentence) {
    this.#refusal = sentence;
    this.#show();
  }

  accept() {
    this.#refusal = null;
    this.#show();
  }

  focus() {
    this.input.main.focus();
  }

  #build() {
    const { name, description, ftype } = this.field;
    const about = h("p", { id: `pg-${name}-about`, class: "pg-about", hidden: true }, description);
    const more = h(
      "button",
      {
        type: "button",
        class: "pg-more",
        "aria-expanded": "false",
        "aria-controls": about.id,
        "aria-label": `About ${name}`,
        onclick: () => {
          about.hidden = !about.hidden;
          more.setAttribute("aria-expanded", String(!about.hidden));
        },
      },
      "?",
    );
    const hint = h("p", { id: `pg-${name}-hint`, class: "pg-hint" }, this.#hint());
    this.#fault.id = `pg-${name}-fault`;
    this.#reset.setAttribute("aria-label", `Reset ${name}`);
    this.input.main.setAttribute("aria-describedby", `${hint.id} ${this.#fault.id}`);
    const head = h(
      "div",
      { class: "pg-field-head" },
      h("label", { for: `pg-${name}` }, name),
      h("span", { class: "pg-kind" }, ftype),
      more,
      this.#reset,
    );
    const isSwitch = this.input.main.type === "checkbox";
    if (isSwitch) head.prepend(this.input.element);
    this.element = h(
      "div",
      { class: `pg-field pg-field-${this.kind}`, dataset: { field: name } },
      head,
      about,
      isSwitch ? null : this.input.element,
      hint,
      this.#fault,
    );
  }

  #hint() {
    const { default: value } = this.field;
    const told = value === null ? "" : `default ${stringify(value)}`;
    return [rangeText(this.field), told].filter(Boolean).join(" · ");
  }

  /** What it begins with: the playground's own wish, or nothing, which is the table's default. */
  #begin() {
    const wish = STARTING[this.name];
    if (wish !== undefined) this.input.restore(this.input.start?.(wish) ?? wish);
    this.#start = structuredClone(this.input.state());
  }

  #goBack() {
    this.restore();
    this.element.dispatchEvent(new Event("input", { bubbles: true }));
    this.focus();
    this.#changed();
  }

  #show() {
    const fault = this.#refusal ?? this.input.fault();
    this.#fault.textContent = fault ?? "";
    this.#fault.hidden = !fault;
    this.#reset.hidden = !this.isChanged;
    this.element.classList.toggle("pg-changed", this.isChanged);
    if (fault) this.input.main.setAttribute("aria-invalid", "true");
    else this.input.main.removeAttribute("aria-invalid");
  }
}
