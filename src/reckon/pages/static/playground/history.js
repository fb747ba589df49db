/** The conversations of this model that the browser keeps, as a list that folds out: open one, remove one. */

import { h } from "./dom.js";
import { title } from "./conversation.js";

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export class History {
  #summary = h("summary", { class: "button quiet" }, "Conversations");
  #list = h("ul", {});

  constructor({ open, remove }) {
    this.open = open;
    this.remove = remove;
    this.element = h("details", { class: "pg-history" }, this.#summary, this.#list);
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.element.open) return;
      event.stopPropagation();
      this.#close();
    });
    document.addEventListener("click", (event) => {
      if (!event.composedPath().includes(this.element)) this.element.open = false;
    });
  }

  show(conversations, current) {
    this.#summary.textContent = `Conversations (${conversations.length})`;
    this.#list.replaceChildren(...conversations.map((one) => this.#item(one, one.id === current)));
  }

  #item(conversation, isCurrent) {
    const name = title(conversation);
    const pick = () => {
      this.#close();
      this.open(conversation.id);
    };
    const remove = () => {
      this.remove(conversation.id);
      this.#summary.focus();
    };
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "pg-pick", "aria-current": isCurrent ? "true" : null, onclick: pick },
        h("span", { class: "pg-pick-title" }, name),
        h("small", {}, WHEN.format(conversation.updated)),
      ),
      h(
        "button",
        { type: "button", class: "pg-remove", "aria-label": `Remove the conversation: ${name}`, onclick: remove },
        "×",
      ),
    );
  }

  #close() {
    this.element.open = false;
    this.#summary.focus();
  }
}
