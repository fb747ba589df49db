/** The numbers under an answer, live while it comes: tokens, tokens/s, time to first token, cost; then the seed and the model. */

import { h } from "./dom.js";
import { count, dollars, duration, measure, rate } from "./meter.js";

export class Facts {
  #values = new Map();
  element = h("dl", { class: "pg-facts" });

  update(exchange) {
    const now = measure(exchange.timing, exchange.usage);
    const isRunning = exchange.outcome === "running";
    this.#set("tokens", count(now.completion), "tokens of the answer, by the server's count");
    this.#set("speed", rate(now.rate), "tokens after the first, over the time since it came");
    this.#set("first token", duration(now.wait), "time to first token, as this browser saw it");
    this.#set("cost", dollars(now.cost), isRunning ? "so far" : "estimated_cost of the answer's usage");
    this.#set("prompt", prompt(now), "tokens of the prompt, and how many of them the prefix cache had");
    this.#set("seed", exchange.headers["x-reckon-seed"] ?? "–", "the same seed, prompt and fingerprint give the same bytes");
  }

  #set(name, text, about) {
    if (!this.#values.has(name)) {
      const value = h("dd", {});
      this.#values.set(name, value);
      this.element.append(h("div", { title: about, dataset: { fact: name } }, h("dt", {}, name), value));
    }
    const value = this.#values.get(name);
    if (value.textContent !== text) value.textContent = text;
  }
}

function prompt({ prompt: tokens, cached }) {
  return cached ? `${count(tokens)} (${count(cached)} cached)` : count(tokens);
}
