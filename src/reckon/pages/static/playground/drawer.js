/** The panel's place: beside the conversation on a wide page, in a dialog on a narrow one. */

import { button, h } from "./dom.js";

const NARROW = matchMedia("(max-width: 60rem)");

export class Drawer {
  #dialog;
  #aside;
  #panel;

  constructor(aside, panel) {
    this.#aside = aside;
    this.#panel = panel;
    const head = h(
      "div",
      { class: "pg-dialog-head" },
      h("h2", { id: "pg-drawer-title" }, "Settings"),
      button("Done", () => this.#dialog.close()),
    );
    this.#dialog = h("dialog", { class: "pg-dialog pg-drawer", "aria-labelledby": "pg-drawer-title" }, head);
    this.#dialog.addEventListener("close", () => this.#aside.append(this.#panel));
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
    this.opener = button("Settings", () => this.open(), { class: "button pg-open-settings", "aria-haspopup": "dialog" });
    NARROW.addEventListener("change", () => this.#dialog.close());
    aside.append(panel);
    document.body.append(this.#dialog);
  }

  /** Makes the panel visible, on whatever page this is. */
  open() {
    if (!NARROW.matches || this.#dialog.open) return;
    this.#dialog.append(this.#panel);
    this.#dialog.showModal();
  }
}
