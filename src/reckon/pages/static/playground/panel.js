/** All fields as controls, in groups, with the system message above them: what a request is made of besides the conversation. */

import { Control } from "./control.js";
import { h } from "./dom.js";
import { namesIn } from "./editors.js";
import { fieldOf, grouped } from "./fields.js";

export class Panel {
  #changed;
  #controls = new Map();
  #groups = new Map();

  /** `changed` is called after each edit of a control or of the system message. */
  constructor(fields, changed) {
    this.#changed = changed;
    this.system = h("textarea", { id: "pg-system", class: "input", rows: "3", placeholder: "You are a helpful assistant." });
    this.system.addEventListener("input", changed);
    const groups = grouped(fields).map(([title, members], index) => this.#group(title, members, index === 0));
    this.element = h(
      "div",
      { class: "pg-panel" },
      h("div", { class: "pg-field" }, h("label", { for: "pg-system" }, "System message"), this.system),
      ...groups,
    );
    this.#follow();
  }

  #group(title, members, isOpen) {
    const count = h("span", { class: "pg-count" });
    const controls = members.map((field) => new Control(field, () => this.#edited()));
    const element = h(
      "details",
      { class: "pg-group", open: isOpen },
      h("summary", {}, title, count),
      ...controls.map((control) => control.element),
    );
    for (const control of controls) this.#controls.set(control.name, control);
    this.#groups.set(element, { controls, count });
    return element;
  }

  #edited() {
    this.#follow();
    this.#changed();
  }

  /** What depends on other controls: the functions that may be chosen, and how many of a group are changed. */
  #follow() {
    const tools = this.#controls.get("tools");
    if (tools) this.#controls.get("tool_choice")?.input.offer(namesIn(tools.input));
    for (const { controls, count } of this.#groups.values()) {
      const changed = controls.filter((control) => control.isChanged).length;
      count.textContent = changed ? `${changed} changed` : "";
    }
  }

  /** By field, what is sent. stream_options makes sense with stream only, so it stays behind unless the reader wrote it. */
  values() {
    const values = {};
    for (const control of this.#controls.values()) values[control.name] = control.value();
    if (values.stream !== true && !this.#controls.get("stream_options")?.isChanged) delete values.stream_options;
    return values;
  }

  control(name) {
    return this.#controls.get(name);
  }

  /** The first control that cannot be sent, or undefined. */
  blocked() {
    return [...this.#controls.values()].find((control) => control.blocked());
  }

  /** By field, what is stored: the changed ones only. */
  state() {
    const changed = [...this.#controls.values()].filter((control) => control.isChanged);
    return Object.fromEntries(changed.map((control) => [control.name, structuredClone(control.state())]));
  }

  restore(system, state) {
    this.system.value = system;
    for (const control of this.#controls.values()) control.restore(state[control.name]);
    this.#follow();
  }

  /** The control that a refusal's `param` names, marked with the server's sentence and brought into view; or null. */
  refuse({ param, message }) {
    const control = this.#controls.get(fieldOf(param, [...this.#controls.keys()]));
    if (!control) return null;
    control.refuse(message);
    this.reveal(control);
    return control;
  }

  reveal(control) {
    control.element.closest("details").open = true;
    control.element.scrollIntoView({ block: "nearest" });
  }

  accept() {
    for (const control of this.#controls.values()) control.accept();
  }

  disable() {
    for (const part of this.element.querySelectorAll("input, select, textarea, button:not(.pg-more)")) part.disabled = true;
  }
}
