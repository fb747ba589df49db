/**
 * What can be done here, each a short function: send, stop, edit, ask again, go on, give a tool's result, open another
 * conversation. Holds the open conversation and the one request that may be running; the views show, the store keeps.
 */

import { speak } from "../speak.js";
import {
  ROOT,
  add,
  answerNode,
  emptyConversation,
  messages,
  path,
  tip,
  toolNode,
  turnTo,
  usages,
  userNode,
} from "./conversation.js";
import { curl } from "./curl.js";
import { button, h, onceAFrame } from "./dom.js";
import { fieldOf } from "./fields.js";
import { count, dollars, sum } from "./meter.js";
import { body, encoded, seeded } from "./request.js";
import { openOne } from "./store.js";
import { newExchange, run } from "./stream.js";

const SAVE_MS = 500;
const SAVE_RUNNING_MS = 1500; // what is stored grows with every token
const SPOKEN = 1500; // characters of an answer that are read out at its end
const LEFT = { message: "The page was left while the answer was coming.", param: null, code: null };

export class Playground {
  conversation = null;
  #running = null;
  #saving = null;

  /** `data` is the page's; the parts are attached by `main.js` before `start`. */
  constructor(data, store) {
    this.data = data;
    this.store = store;
    this.url = new URL(data.endpoint, location.href).href;
    this.acts = {
      edit: (node, text) => text.trim() !== "" && this.#ask(node.parent, text),
      turn: (node, step) => this.#turn(node, step),
      retry: (node) => this.#request(node.parent),
      repeat: (node) => this.#repeat(node),
      goOn: (node) => this.#goOn(node),
      results: (node, results) => this.#answerCalls(node, results),
      choose: (node, index) => this.#choose(node, index),
      raw: (exchange) => this.raw.show(exchange),
      curl: (exchange) => curl(exchange.url, exchange.body),
      fieldButton: (param) => this.#fieldButton(param),
      signInLink: () => this.#signInLink(),
    };
  }

  attach(parts) {
    Object.assign(this, parts);
  }

  async start() {
    const kept = await this.store.all(this.data.model);
    const current = kept.find((one) => one.id === openOne.get()) ?? kept[0];
    this.#open(current ?? emptyConversation(this.data.model));
    addEventListener("pagehide", () => this.#save());
  }

  /** The request that sending now would make, as a command. */
  command() {
    const draft = this.composer.box.value.trim();
    const spoken = [...messages(this.conversation), ...(draft ? [{ role: "user", content: this.composer.box.value }] : [])];
    return curl(this.url, encoded(body(this.data.fields, this.data.model, spoken, this.panel.values())));
  }

  /** From the composer. Returns whether the message was taken. */
  send(text) {
    const last = path(this.conversation).at(-1);
    if (text.trim() === "") {
      return this.panel.values().continue_final_message === true && last?.kind === "answer" && this.#goOn(last);
    }
    return this.#ask(tip(this.conversation), text);
  }

  stop() {
    this.#running?.abort();
  }

  get isRunning() {
    return this.#running !== null;
  }

  /** Something was typed: into the composer, the system message or a control. */
  edited() {
    this.conversation.draft = this.composer.box.value;
    this.conversation.system = this.panel.system.value;
    this.conversation.values = this.panel.state();
    this.#saveSoon();
  }

  begin() {
    this.stop();
    this.#save();
    const { system, values } = this.conversation;
    this.#open(emptyConversation(this.data.model, structuredClone(values), system));
    this.composer.box.focus();
  }

  async openKept(id) {
    this.stop();
    await this.#save();
    const kept = await this.store.all(this.data.model);
    const chosen = kept.find((one) => one.id === id);
    if (chosen) this.#open(chosen);
  }

  async remove(id) {
    if (id === this.conversation.id) this.stop();
    await this.store.remove(id);
    if (id !== this.conversation.id) return this.#list();
    const [next] = await this.store.all(this.data.model);
    return this.#open(next ?? emptyConversation(this.data.model));
  }

  #open(conversation) {
    for (const node of Object.values(conversation.nodes)) {
      if (node.exchange?.outcome === "running") Object.assign(node.exchange, { outcome: "lost", error: LEFT });
    }
    this.conversation = conversation;
    openOne.set(conversation.id);
    this.panel.restore(conversation.system, conversation.values);
    this.composer.write(conversation.draft);
    this.#show();
    this.#list();
  }

  #ask(parent, text) {
    if (!this.#mayAsk()) return false;
    return this.#request(add(this.conversation, parent, userNode(text)).id);
  }

  #answerCalls(node, results) {
    if (!this.#mayAsk()) return;
    const last = results.reduce((parent, [call, text]) => add(this.conversation, parent, toolNode(call, text)).id, node.id);
    this.#request(last);
  }

  /** Asks for what comes after the node `parent`, with the controls as they are. */
  #request(parent) {
    if (!this.#mayAsk()) return false;
    return this.#run(parent, newExchange(this.url, this.#body(parent)));
  }

  #goOn(node) {
    if (!this.#mayAsk()) return false;
    const asked = this.#body(node.id, { continue_final_message: true, n: undefined });
    return this.#run(node.parent, newExchange(this.url, asked, node.exchange.answers[node.chosen].content));
  }

  #repeat(node) {
    if (!this.#mayAsk()) return false;
    const { asked, headers, prefix } = node.exchange;
    return this.#run(node.parent, newExchange(this.url, seeded(asked, headers["x-reckon-seed"]), prefix), { repeats: node.id });
  }

  #body(until, more = {}) {
    const values = { ...this.panel.values(), ...more };
    return body(this.data.fields, this.data.model, messages(this.conversation, until), values);
  }

  /** Whether a request can be made now; where not, the reader is shown why. */
  #mayAsk() {
    if (this.isRunning) return false;
    if (!this.data.runs) return this.#tellHere(this.data.why);
    if (!this.data.signed_in) return this.#leadToSignIn();
    const control = this.panel.blocked();
    if (!control) return true;
    this.drawer.open();
    this.panel.reveal(control);
    control.focus();
    speak(`${control.name}: ${control.blocked()}`);
    return false;
  }

  #run(parent, exchange, more = {}) {
    const node = add(this.conversation, parent, { ...answerNode(exchange), ...more });
    this.#finish(node, exchange, this.conversation);
    return true;
  }

  async #finish(node, exchange, conversation) {
    const controller = new AbortController();
    this.#running = controller;
    this.notice.replaceChildren();
    this.panel.accept();
    this.composer.running(true);
    this.#show();
    this.composer.keepFocus();
    this.thread.toEnd();
    this.#save();
    const grown = onceAFrame(() => conversation === this.conversation && this.#grown(node));
    await run(exchange, controller.signal, grown);
    this.#running = null;
    this.composer.running(false);
    await this.#save(conversation);
    if (conversation !== this.conversation) return;
    this.#grown(node);
    this.#show();
    this.#list();
    this.#tell(node);
  }

  #grown(node) {
    this.thread.update(node);
    this.raw.update(node.exchange);
    this.#total();
    if (this.isRunning) this.#saveSoon();
  }

  /** Says to screen readers how it ended, once; an error's own element is an alert already. */
  #tell(node) {
    const { outcome, error } = node.exchange;
    if (outcome === "refused" && error) this.panel.refuse(error);
    if (outcome === "done") speak(`Answer: ${this.thread.view(node).said.slice(0, SPOKEN)}`);
  }

  #turn(node, step) {
    const shown = turnTo(this.conversation, node, step);
    this.#show();
    this.thread.focusBranch(shown, step);
    this.#saveSoon();
  }

  #choose(node, index) {
    node.chosen = index;
    this.#show();
    this.#saveSoon();
  }

  #show() {
    this.thread.show(this.conversation, this.isRunning);
    this.empty.hidden = path(this.conversation).length > 0;
    this.#total();
  }

  #total() {
    const { tokens, cost } = sum(usages(this.conversation));
    this.total.textContent = tokens ? `${count(tokens)} tokens · ${dollars(cost)}` : "";
  }

  async #list() {
    this.history.show(await this.store.all(this.data.model), this.conversation.id);
  }

  #saveSoon() {
    this.#saving ??= setTimeout(() => this.#save(), this.isRunning ? SAVE_RUNNING_MS : SAVE_MS);
  }

  /** An untouched conversation is not worth keeping. */
  async #save(conversation = this.conversation) {
    clearTimeout(this.#saving);
    this.#saving = null;
    const isEmpty =
      !conversation.nodes[ROOT].children.length &&
      !conversation.draft &&
      !conversation.system &&
      !Object.keys(conversation.values).length;
    if (isEmpty) return;
    try {
      await this.store.put(conversation);
    } catch (error) {
      this.#tellHere(`This browser could not keep the conversation: ${error.message}`);
    }
  }

  #tellHere(sentence) {
    this.notice.replaceChildren(h("p", {}, sentence));
    return false;
  }

  #fieldButton(param) {
    const name = fieldOf(
      param,
      this.data.fields.map((field) => field.name),
    );
    const control = name && this.panel.control(name);
    if (!control) return null;
    return button(
      `Go to ${name}`,
      () => {
        this.drawer.open();
        this.panel.reveal(control);
        control.focus();
      },
      { class: "button" },
    );
  }

  #signInLink() {
    return h("a", { class: "button primary", href: this.data.signin }, "Sign in");
  }

  #leadToSignIn() {
    const link = this.#signInLink();
    this.notice.replaceChildren(h("p", {}, "Sign in to send this. What you have written is kept here."), link);
    this.edited();
    link.focus();
    return false;
  }
}
