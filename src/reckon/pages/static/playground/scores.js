/** The log probabilities of an answer's tokens as a table, made when it is opened. */

import { h } from "./dom.js";

const PERCENT = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });

export function scoresTable(scores) {
  const element = h("details", { class: "pg-scores" }, h("summary", {}, `Token probabilities (${scores.length})`));
  element.addEventListener("toggle", () => element.children.length < 2 && element.append(table(scores)));
  return element;
}

function table(scores) {
  const others = scores.some((score) => score.top_logprobs.length);
  const head = h(
    "tr",
    {},
    h("th", { scope: "col" }, "token"),
    h("th", { scope: "col" }, "probability"),
    others && h("th", { scope: "col" }, "likeliest here"),
  );
  const rows = scores.map((score) =>
    h(
      "tr",
      {},
      h("td", {}, token(score)),
      h("td", { class: "number" }, chance(score)),
      others &&
        h("td", {}, ...score.top_logprobs.map((other) => h("span", { class: "pg-other" }, token(other), ` ${chance(other)}`))),
    ),
  );
  return h(
    "div",
    { class: "pg-scroll", tabindex: "0", role: "group", "aria-label": "Token probabilities" },
    h("table", { class: "table" }, h("thead", {}, head), h("tbody", {}, ...rows)),
  );
}

const token = (score) => h("code", {}, JSON.stringify(score.token).slice(1, -1).replaceAll(" ", "␣"));
const chance = (score) => PERCENT.format(Math.exp(score.logprob));
