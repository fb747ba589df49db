/** One node of the conversation on the page: a user's message, a tool's result, or an exchange with its answers. */

import { saysTheSame } from "./answer.js";
import { ChoiceView, resultsForm } from "./choice.js";
import { button, copyButton, h } from "./dom.js";
import { Facts } from "./facts.js";

const OUTCOMES = {
  stopped: "Stopped. What had come is kept.",
  refused: "Refused",
  failed: "The answer broke off. What had come is kept.",
  lost: "The answer is not complete. What had come is kept.",
};

const MOST = 4;
const UNFINISHED = new Set(["stopped", "failed", "lost"]);

/**
 * `acts` are what can be done (edit, turn, retry, repeat, goOn, raw, curl, choose, results), and makers of the ways out of a
 * refusal (fieldButton, signInLink). `names` has the model's.
 */
export function turnView(node, acts, names) {
  if (node.kind === "user") return new UserView(node, acts);
  return node.kind === "tool" ? new ToolView(node) : new AnswerView(node, acts, names);
}

class ToolView {
  constructor(node) {
    this.element = h(
      "li",
      { class: "pg-turn pg-tool" },
      h("p", { class: "pg-who" }, `Result of ${node.name}`),
      h("pre", { tabindex: "0", "aria-label": `Result of ${node.name}` }, node.text),
    );
  }

  update() {}
}

class UserView {
  #text;
  #bar = h("div", { class: "pg-acts" });

  constructor(node, acts) {
    this.node = node;
    this.acts = acts;
    this.#text = h("div", { class: "pg-said" }, node.text);
    this.element = h("li", { class: "pg-turn pg-user" }, h("p", { class: "pg-who" }, "You"), this.#text, this.#bar);
  }

  update({ branch, isBusy }) {
    const edit = button("Edit", () => this.#edit(), { disabled: isBusy });
    this.#bar.replaceChildren(
      ...branchButtons(this.node, branch, this.acts, isBusy),
      edit,
      copyButton("Copy", () => this.node.text),
    );
  }

  #edit() {
    const box = h("textarea", { class: "input", rows: "3", "aria-label": "Your message, to be edited" });
    box.value = this.node.text;
    const back = () => {
      form.replaceWith(this.#text);
      this.#bar.hidden = false;
      [...this.#bar.children].find((child) => child.textContent === "Edit")?.focus();
    };
    const buttons = h(
      "div",
      { class: "pg-acts" },
      button("Send again", null, { type: "submit", class: "button primary" }),
      button("Cancel", back),
    );
    const form = h("form", { class: "pg-edit" }, box, buttons);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.acts.edit(this.node, box.value)) back();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") back();
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.target !== box) return;
      event.preventDefault();
      form.requestSubmit();
    });
    this.#text.replaceWith(form);
    this.#bar.hidden = true;
    box.focus();
  }
}

class AnswerView {
  #choices = [];
  #grid = h("div", { class: "pg-choices" });
  #error = h("div", { class: "pg-error", hidden: true });
  #note = h("p", { class: "pg-note", hidden: true });
  #results = h("div", {});
  #bar = h("div", { class: "pg-acts" });
  #facts = new Facts();
  #shownEnd = "";

  constructor(node, acts, { model }) {
    this.node = node;
    this.acts = acts;
    this.element = h(
      "li",
      { class: "pg-turn pg-answer" },
      h("p", { class: "pg-who" }, model),
      this.#grid,
      this.#error,
      this.#note,
      this.#results,
      this.#facts.element,
      this.#bar,
    );
  }

  get said() {
    return this.#choices
      .map((choice, index) => (this.#choices.length > 1 ? `Answer ${index + 1}: ${choice.said}` : choice.said))
      .join(" ");
  }

  update({ branch, isBusy, openCalls, repeated }) {
    const { exchange } = this.node;
    const isRunning = exchange.outcome === "running";
    this.#showChoices(exchange, isRunning);
    this.#facts.update(exchange);
    this.#facts.element.hidden = exchange.outcome === "refused";
    this.element.setAttribute("aria-busy", String(isRunning));
    if (isRunning) this.#error.setAttribute("role", "alert"); // not for what was stored: that is no news
    const end = JSON.stringify([exchange.outcome, isBusy, branch, openCalls.length, this.node.chosen, Boolean(repeated)]);
    if (end === this.#shownEnd) return;
    this.#shownEnd = end;
    this.#showError(exchange);
    this.#showNote(exchange, repeated);
    this.#results.replaceChildren(
      ...(openCalls.length && !isBusy ? [resultsForm(openCalls, (results) => this.acts.results(this.node, results))] : []),
    );
    this.#bar.replaceChildren(
      ...branchButtons(this.node, branch, this.acts, isBusy),
      ...(isRunning ? [] : this.#endButtons(exchange, isBusy)),
      ...this.#wireButtons(exchange),
    );
  }

  #showChoices(exchange, isRunning) {
    const count = Math.max(exchange.answers.length, isRunning ? expected(exchange.asked.n) : 0);
    if (count !== this.#choices.length) {
      this.#choices = Array.from(
        { length: count },
        (_, index) =>
          new ChoiceView(index, count, index === this.node.chosen, () => this.acts.choose(this.node, index), this.node.id),
      );
      this.#grid.replaceChildren(...this.#choices.map((choice) => choice.element));
      this.#grid.dataset.count = String(count);
    }
    const nothing = { content: "", reasoning: "", calls: [], scores: [], finish: null };
    for (const [index, choice] of this.#choices.entries()) {
      choice.update(exchange.answers[index] ?? nothing, isRunning, this.node.children.length > 0);
    }
  }

  #showError({ outcome, error, status }) {
    this.#error.hidden = !OUTCOMES[outcome];
    if (!OUTCOMES[outcome]) return;
    const code = outcome === "refused" && error?.code ? ` · ${status} ${error.code}` : "";
    const way = status === 401 ? this.acts.signInLink() : this.acts.fieldButton(error?.param);
    this.#error.replaceChildren(
      ...[h("p", { class: "pg-error-title" }, OUTCOMES[outcome] + code), error && h("p", {}, error.message), way].filter(
        Boolean,
      ),
    );
    this.#error.classList.toggle("pg-calm", outcome === "stopped");
  }

  #showNote(exchange, repeated) {
    const notes = [];
    const ignored = exchange.headers["x-reckon-ignored"];
    if (ignored) notes.push(`Without effect on this server: ${ignored}.`);
    if (repeated && exchange.outcome === "done") {
      const same = repeated.outcome === "done" && saysTheSame(exchange, repeated);
      notes.push(
        same
          ? "The same answer again, byte for byte."
          : "Not the same answer: the earlier one was not finished, or other weights or another version answered.",
      );
    }
    this.#note.textContent = notes.join(" ");
    this.#note.hidden = !notes.length;
  }

  #endButtons(exchange, isBusy) {
    const { acts, node } = this;
    const answer = exchange.answers[node.chosen];
    const isCut = UNFINISHED.has(exchange.outcome) || answer?.finish === "length";
    const mayGoOn = isCut && answer?.content && !answer.calls.length;
    return [
      button("Retry", () => acts.retry(node), { disabled: isBusy, title: "Ask again with the settings as they are now" }),
      exchange.headers["x-reckon-seed"] &&
        button("Same seed", () => acts.repeat(node), {
          disabled: isBusy,
          title: "Send the same request again with the seed it had: the same bytes come",
        }),
      mayGoOn && button("Go on", () => acts.goOn(node), { disabled: isBusy, title: "Let the model go on where this ends" }),
      answer?.content && copyButton("Copy", () => answer.content),
    ].filter(Boolean);
  }

  #wireButtons(exchange) {
    return [
      button("Raw", () => this.acts.raw(exchange), { title: "The request and the events as they went over the wire" }),
      copyButton("Copy as curl", () => this.acts.curl(exchange)),
    ];
  }
}

/** How many answers may come; `n` may be anything that the server has yet to refuse. */
function expected(n) {
  return Number.isInteger(n) ? Math.min(Math.max(n, 1), MOST) : 1;
}

function branchButtons(node, { index, count }, acts, isBusy) {
  if (count < 2) return [];
  const step = (label, by, isOff) =>
    button(by < 0 ? "‹" : "›", () => acts.turn(node, by), {
      "aria-label": label,
      disabled: isBusy || isOff,
      class: "button quiet icon",
    });
  return [
    h(
      "span",
      { class: "pg-branch" },
      step("Earlier version", -1, index === 0),
      h("span", {}, `${index + 1}/${count}`),
      step("Later version", 1, index === count - 1),
    ),
  ];
}
