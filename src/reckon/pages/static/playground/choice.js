/** One of an exchange's answers: its reasoning, its text, its calls with a box for each result, its probabilities. */

import { button, h } from "./dom.js";
import { parse, stringify } from "./json.js";
import { Prose } from "./prose.js";
import { scoresTable } from "./scores.js";

const SHOWN = 100; // characters of a call that its box repeats

export class ChoiceView {
  #text = h("div", { class: "pg-prose" });
  #prose = new Prose(this.#text);
  #reasoning = null;
  #calls = h("div", { class: "pg-calls" });
  #ending = h("p", { class: "pg-ending", hidden: true }, "Cut off at the limit of tokens.");
  #scores = null;
  #radio;
  #shownCalls = "";

  /** `index` of `count` answers; `choose` is called when this one is to go on with, where there is a choice. */
  constructor(index, count, isChosen, choose, name) {
    this.#radio = h("input", { type: "radio", name, checked: isChosen, onchange: choose });
    const head =
      count > 1
        ? h(
            "label",
            { class: "pg-choice-head" },
            this.#radio,
            ` Answer ${index + 1}`,
            h("span", { class: "pg-choice-note" }, "goes on"),
          )
        : null;
    this.element = h("div", { class: "pg-choice" }, head, this.#text, this.#calls, this.#ending);
  }

  /** What was said, as a reader sees it. */
  get said() {
    return [this.#text.textContent, ...[...this.#calls.querySelectorAll("code")].map((call) => call.textContent)]
      .join(" ")
      .trim();
  }

  /** `isFixed` when the conversation has gone on with one of the answers already. */
  update(answer, isRunning, isFixed) {
    this.#radio.disabled = isRunning || isFixed;
    if (answer.reasoning) this.#reason(answer.reasoning);
    this.#prose.update(answer.content);
    this.#text.hidden = answer.content === "" && !isRunning;
    this.#text.classList.toggle("pg-coming", isRunning && answer.finish === null);
    this.#showCalls(answer.calls);
    this.#ending.hidden = answer.finish !== "length";
    if (!isRunning && answer.scores.length && !this.#scores) this.element.append((this.#scores = scoresTable(answer.scores)));
  }

  #reason(text) {
    if (!this.#reasoning) {
      const place = h("div", { class: "pg-prose" });
      this.#text.before(h("details", { class: "pg-reasoning", open: true }, h("summary", {}, "Reasoning"), place));
      this.#reasoning = new Prose(place);
    }
    this.#reasoning.update(text);
  }

  #showCalls(calls) {
    const state = JSON.stringify(calls);
    if (state === this.#shownCalls) return;
    this.#shownCalls = state;
    this.#calls.replaceChildren(...calls.map(callView));
  }
}

function callView(call) {
  const head = h("p", { class: "pg-call-head" }, "calls ", h("strong", {}, call.name));
  return h(
    "div",
    { class: "pg-call" },
    head,
    h("pre", { tabindex: "0", "aria-label": `Arguments of ${call.name}` }, h("code", {}, tidied(call.arguments))),
  );
}

function tidied(text) {
  try {
    return stringify(parse(text), 2);
  } catch {
    return text; // still coming, or no JSON: shown as it is
  }
}

function shortened(text) {
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`;
}

/** A box for the result of each call. `done` gets [call, text] pairs when all are sent together. */
export function resultsForm(calls, done) {
  const boxes = calls.map((call) => {
    const id = `pg-result-${call.id}`;
    const box = h("textarea", { id, class: "input pg-json", rows: "2", spellcheck: "false" });
    return {
      call,
      box,
      part: h(
        "div",
        {},
        h("label", { for: id }, "Result of ", h("code", {}, shortened(`${call.name}(${call.arguments})`))),
        box,
      ),
    };
  });
  const form = h(
    "form",
    { class: "pg-results" },
    ...boxes.map(({ part }) => part),
    button(calls.length > 1 ? "Send the results" : "Send the result", null, { type: "submit", class: "button primary" }),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    done(boxes.map(({ call, box }) => [call, box.value]));
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.target.tagName !== "TEXTAREA") return;
    event.preventDefault();
    form.requestSubmit();
  });
  return form;
}
