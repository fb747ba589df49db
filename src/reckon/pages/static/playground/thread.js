/** The conversation on the page: a view for each node of the path that is shown. Finished views are kept, not made again. */

import { h } from "./dom.js";
import { branch, openCalls, path } from "./conversation.js";
import { turnView } from "./turn.js";

const NEAR = 120; // pixels below the window's end that still count as reading the newest

export class Thread {
  element = h("ol", { class: "pg-thread", "aria-label": "Conversation" });
  #views = new Map();
  #conversation = null;
  #isBusy = false;
  #composer;

  /** `composer` is what covers the window's end. */
  constructor(acts, names, composer) {
    this.acts = acts;
    this.names = names;
    this.#composer = composer;
  }

  /** The whole path, after nodes came or went. */
  show(conversation, isBusy) {
    if (conversation !== this.#conversation) this.#views.clear();
    this.#conversation = conversation;
    this.#isBusy = isBusy;
    const shown = path(conversation);
    this.element.hidden = !shown.length;
    const elements = shown.map((node) => this.#view(node).element);
    const isSame =
      elements.length === this.element.children.length &&
      elements.every((element, index) => element === this.element.children[index]);
    if (!isSame) this.element.replaceChildren(...elements);
    for (const node of shown) this.update(node);
  }

  /** One node, which has grown. The page follows if its end was in view. */
  update(node) {
    const isFollowing = this.#below() < NEAR;
    const conversation = this.#conversation;
    const isLast = path(conversation).at(-1) === node;
    this.#view(node).update({
      branch: branch(conversation, node),
      isBusy: this.#isBusy,
      openCalls: isLast ? openCalls(conversation) : [],
      repeated: conversation.nodes[node.repeats]?.exchange,
    });
    if (isFollowing && isLast && this.#isBusy) this.toEnd();
  }

  /** Brings the newest into the window, above the composer; does nothing where it is there already. */
  toEnd() {
    const below = this.#below();
    if (below > 0) scrollBy(0, below);
  }

  /** How many pixels of the conversation are behind the composer or below the window. */
  #below() {
    return this.element.getBoundingClientRect().bottom + this.#composer.offsetHeight - innerHeight;
  }

  /** The button that was pressed to come here is gone with the other branch: its twin takes the focus. */
  focusBranch(node, step) {
    const [earlier, later] = this.view(node).element.querySelectorAll(".pg-branch button");
    const [same, other] = step < 0 ? [earlier, later] : [later, earlier];
    (same.disabled ? other : same).focus();
  }

  view(node) {
    return this.#views.get(node.id);
  }

  #view(node) {
    if (!this.#views.has(node.id)) this.#views.set(node.id, turnView(node, this.acts, this.names));
    return this.#views.get(node.id);
  }
}
