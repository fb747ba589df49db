/**
 * A text that grows, rendered as it comes: blocks that are finished are never parsed or touched again.
 *
 * A block is finished when another has begun after it, so each update parses the last block only. Until the parser is loaded
 * the text stands there as it is.
 */

import { offset, split } from "./blocks.js";
import { loadMarkdown, nodes } from "./markdown.js";

export class Prose {
  #element;
  #markdown = null;
  #text = "";
  #start = 0;
  #tail = [];
  #references = {};

  constructor(element) {
    this.#element = element;
    loadMarkdown().then((markdown) => {
      this.#markdown = markdown;
      this.#element.replaceChildren();
      this.#render();
    });
  }

  /** `text` is the whole text so far. */
  update(text) {
    if (text === this.#text) return;
    if (!text.startsWith(this.#text)) this.#reset();
    this.#text = text;
    if (this.#markdown) this.#render();
    else this.#element.textContent = text;
  }

  #reset() {
    this.#element.replaceChildren();
    this.#start = 0;
    this.#tail = [];
    this.#references = {};
  }

  #render() {
    const open = this.#text.slice(this.#start);
    const blocks = split(this.#markdown.parse(open, this.#references));
    const last = blocks.pop() ?? { tokens: [], line: 0 };
    for (const node of this.#tail) node.remove();
    for (const block of blocks) this.#element.append(nodes(block.tokens));
    const fragment = nodes(last.tokens);
    this.#tail = [...fragment.childNodes];
    this.#element.append(fragment);
    this.#start += offset(open, last.line);
  }
}
