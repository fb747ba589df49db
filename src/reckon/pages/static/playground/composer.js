/** Where a message is typed. Enter sends, Shift+Enter breaks the line; while an answer comes the same button stops it. */

import { copyButton, h } from "./dom.js";

export class Composer {
  #button = h("button", { type: "submit", class: "button primary pg-send" }, "Send");
  #isRunning = false;

  /**
   * `send(text)` returns whether the message was taken; else it stays in the box. `typed(text)` is told of every edit;
   * `command()` gives what sending would do as a command for a shell.
   */
  constructor({ send, stop, typed, command }) {
    this.box = h("textarea", {
      id: "pg-message",
      class: "pg-box",
      rows: "1",
      placeholder: "Ask something",
      enterkeyhint: "send",
      "aria-describedby": "pg-keys",
    });
    const keys = h(
      "p",
      { id: "pg-keys", class: "pg-keys" },
      h("kbd", {}, "Enter"),
      " sends, ",
      h("kbd", {}, "Shift+Enter"),
      " breaks the line, ",
      h("kbd", {}, "Esc"),
      " stops",
    );
    const label = h("label", { class: "unseen", for: "pg-message" }, "Message");
    this.element = h(
      "form",
      { class: "pg-composer" },
      label,
      h("div", { class: "pg-box-frame" }, this.box, this.#button),
      h("div", { class: "pg-below" }, keys, copyButton("Copy as curl", command)),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#isRunning) stop();
      else if (send(this.box.value)) this.write("");
    });
    this.box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!this.#isRunning) this.element.requestSubmit();
    });
    this.box.addEventListener("input", () => {
      this.#grow();
      typed(this.box.value);
    });
  }

  write(text) {
    this.box.value = text;
    this.#grow();
  }

  /** Takes the focus if the button that had it is gone with what it was on. */
  keepFocus() {
    if (document.activeElement === document.body) this.#button.focus();
  }

  running(isRunning) {
    this.#isRunning = isRunning;
    this.#button.textContent = isRunning ? "Stop" : "Send";
    this.#button.classList.toggle("primary", !isRunning);
    this.#button.classList.toggle("danger", isRunning);
  }

  disable(reason) {
    this.box.disabled = this.#button.disabled = true;
    this.box.placeholder = reason;
  }

  #grow() {
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight}px`;
  }
}
