/**
 * A conversation as a tree: editing a message or asking again adds a branch beside the old one, so nothing said is lost.
 *
 * Plain data (it is stored as it is) and functions over it. A node is a user's message, a tool's result, or an answer; each
 * list of siblings remembers which one is shown. No DOM, no requests.
 */

import { asMessage } from "./answer.js";

export const ROOT = "root";

/** `values` are what the controls hold, by field; `system` is the system message. */
export function emptyConversation(model, values = {}, system = "") {
  const root = { id: ROOT, kind: "root", children: [], shown: 0 };
  const now = Date.now();
  return { id: crypto.randomUUID(), model, created: now, updated: now, draft: "", system, values, nodes: { [ROOT]: root } };
}

export const userNode = (text) => ({ kind: "user", text });
export const toolNode = (call, text) => ({ kind: "tool", call: call.id, name: call.name, text });
export const answerNode = (exchange) => ({ kind: "answer", exchange, chosen: 0 });

/** Puts a node under `parent`, shows it, and returns it. */
export function add(conversation, parent, node) {
  const added = { ...node, id: crypto.randomUUID(), parent, children: [], shown: 0 };
  const siblings = conversation.nodes[parent];
  siblings.shown = siblings.children.push(added.id) - 1;
  conversation.nodes[added.id] = added;
  conversation.updated = Date.now();
  return added;
}

/** The nodes that are shown, from the first message to the last. */
export function path(conversation) {
  const shown = [];
  for (let node = conversation.nodes[ROOT]; node.children.length; shown.push(node)) {
    node = conversation.nodes[node.children[node.shown]];
  }
  return shown;
}

/** The id of what a new message follows. */
export function tip(conversation) {
  return path(conversation).at(-1)?.id ?? ROOT;
}

/** Where a node stands among its siblings. */
export function branch(conversation, node) {
  const { children } = conversation.nodes[node.parent];
  return { index: children.indexOf(node.id), count: children.length };
}

/** Shows the sibling that is `step` places away, and returns it. */
export function turnTo(conversation, node, step) {
  const parent = conversation.nodes[node.parent];
  const { index, count } = branch(conversation, node);
  parent.shown = Math.min(count - 1, Math.max(0, index + step));
  return conversation.nodes[parent.children[parent.shown]];
}

/** The body's messages up to and with the node `until`. An answer that never came is no message. */
export function messages(conversation, until = tip(conversation)) {
  const spoken = conversation.system ? [{ role: "system", content: conversation.system }] : [];
  const shown = path(conversation);
  const count = shown.findIndex((node) => node.id === until) + 1;
  for (const node of shown.slice(0, count)) {
    const message = asOne(node);
    if (message) spoken.push(message);
  }
  return spoken;
}

function asOne(node) {
  if (node.kind === "user") return { role: "user", content: node.text };
  if (node.kind === "tool") return { role: "tool", tool_call_id: node.call, content: node.text };
  const answer = node.exchange.answers[node.chosen];
  return answer && (answer.content || answer.calls.length || answer.finish) ? asMessage(answer) : null;
}

/** The calls of the answer at the end that still wait for a result. One that was cut off at a limit has none. */
export function openCalls(conversation) {
  const last = path(conversation).at(-1);
  if (last?.kind !== "answer" || last.exchange.outcome !== "done") return [];
  const answer = last.exchange.answers[last.chosen];
  return !answer || answer.finish === "length" ? [] : answer.calls;
}

/** What the list of conversations calls it. */
export function title(conversation) {
  const first = path(conversation).find((node) => node.kind === "user");
  return first?.text.trim().replace(/\s+/g, " ").slice(0, 80) || "New conversation";
}

/** The usage of every answer in the tree, hidden branches too: all of them were paid for. */
export function usages(conversation) {
  return Object.values(conversation.nodes)
    .filter((node) => node.kind === "answer")
    .map((node) => node.exchange.usage);
}
