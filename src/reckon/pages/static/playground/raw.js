/** What went over the wire, both ways, character by character: the request as it was sent, and everything that came back. */

import { copyButton, h } from "./dom.js";
import { recording } from "./recording.js";

export class RawView {
  #exchange = null;
  #request = h("pre", { tabindex: "0", "aria-label": "Request" });
  #head = h("pre", { tabindex: "0", class: "pg-wire-head", "aria-label": "Status and headers of the answer" });
  #events = h("pre", { tabindex: "0", "aria-label": "Answer" });

  constructor() {
    const part = (title, pres, text) =>
      h(
        "section",
        { class: "pg-wire" },
        h("div", { class: "pg-wire-title" }, h("h3", {}, title), copyButton("Copy", text)),
        ...pres,
      );
    const keep = copyButton("Copy for reckon replay", () => recording(this.#exchange));
    const close = h("button", { type: "button", class: "button quiet", onclick: () => this.element.close() }, "Close");
    this.element = h(
      "dialog",
      { class: "pg-dialog", "aria-labelledby": "pg-raw-title" },
      h("div", { class: "pg-dialog-head" }, h("h2", { id: "pg-raw-title" }, "Raw request and events"), keep, close),
      h(
        "div",
        { class: "pg-wires" },
        part("Request", [this.#request], () => this.#exchange.body),
        part("Answer", [this.#head, this.#events], () => this.#exchange.raw),
      ),
    );
    this.element.addEventListener("click", (event) => event.target === this.element && this.element.close());
    this.element.addEventListener("close", () => (this.#exchange = null));
  }

  show(exchange) {
    this.#exchange = exchange;
    this.#request.textContent = `POST ${exchange.url}\ncontent-type: application/json\n\n`;
    this.#request.append(h("span", { class: "pg-wire-body" }, exchange.body));
    this.#events.replaceChildren(document.createTextNode(""));
    this.update(exchange);
    this.element.showModal();
  }

  /** Adds what came since; nothing if another exchange is shown. */
  update(exchange) {
    if (exchange !== this.#exchange) return;
    const headers = Object.entries(exchange.headers).map(([name, value]) => `${name}: ${value}`);
    this.#head.textContent = [exchange.status === null ? "no answer yet" : `HTTP ${exchange.status}`, ...headers].join("\n");
    const shown = this.#events.firstChild;
    shown.appendData(exchange.raw.slice(shown.length));
  }
}
