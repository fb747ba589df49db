/**
 * Markdown to DOM nodes, without HTML in between: markdown-it finds the tokens, and each known token makes one element.
 *
 * A model's text can neither bring a script nor load anything: raw HTML is text, a picture is its description, a link must be
 * http, https or mailto and leaves the page alone.
 */

import { copyButton, h } from "./dom.js";
import { formula } from "./formula.js";
import { findMath } from "./tex.js";

const LIBRARY = "../vendor/markdown-it/markdown-it.esm.min.mjs";
const ELEMENTS = new Set("p ul ol li blockquote table thead tbody tr th td strong em s".split(" "));
const LINK = /^(?:https?:|mailto:)/i;
const ALIGNED = /text-align:(left|center|right)/;

let loading = null;

/** A parser, loaded once. `parse(text, env)` gives markdown-it's tokens. */
export function loadMarkdown() {
  loading ??= import(LIBRARY).then(({ default: MarkdownIt }) => {
    const markdown = new MarkdownIt({ html: false, linkify: false, breaks: true });
    findMath(markdown);
    return markdown;
  });
  return loading;
}

/** The nodes of tokens, in a fragment. */
export function nodes(tokens) {
  const fragment = document.createDocumentFragment();
  const open = [fragment];
  for (const token of tokens) {
    if (token.hidden) continue;
    if (token.nesting < 0) {
      open.pop();
      continue;
    }
    const made = token.nesting > 0 ? opened(token) : single(token);
    open.at(-1).append(made.outer ?? made);
    if (token.nesting > 0) open.push(made.inner ?? made);
  }
  return fragment;
}

/** An element that others go into; `outer` and `inner` differ where it needs a frame. */
function opened(token) {
  if (token.type === "link_open") return link(token.attrGet("href"));
  if (token.type === "heading_open") return h(`h${Math.min(6, Number(token.tag[1]) + 2)}`);
  if (!ELEMENTS.has(token.tag)) return h("span");
  const aligned = ALIGNED.exec(token.attrGet("style") ?? "")?.[1];
  const element = h(token.tag, { class: aligned && `pg-${aligned}`, start: token.attrGet("start") });
  if (token.tag !== "table") return element;
  return {
    outer: h("div", { class: "pg-scroll", tabindex: "0", role: "group", "aria-label": "Table" }, element),
    inner: element,
  };
}

function link(href) {
  return h("a", LINK.test(href) ? { href, rel: "noopener noreferrer nofollow", target: "_blank" } : {});
}

const SINGLE = {
  inline: (token) => nodes(token.children),
  softbreak: () => h("br"),
  hardbreak: () => h("br"),
  hr: () => h("hr"),
  code_inline: (token) => h("code", {}, token.content),
  code_block: (token) => code(token.content, ""),
  fence: (token) => code(token.content, token.info.trim().split(/\s/)[0]),
  image: (token) => h("span", { class: "pg-picture" }, `[picture: ${token.content || "without a description"}]`),
  math: (token) => formula(token.content, token.meta),
};

function single(token) {
  return SINGLE[token.type]?.(token) ?? document.createTextNode(token.content);
}

function code(text, language) {
  const shown = h("pre", { tabindex: "0" }, h("code", {}, text.replace(/\n$/, "")));
  return h(
    "div",
    { class: "pg-code" },
    h(
      "div",
      { class: "pg-code-head" },
      h("span", {}, language || "text"),
      copyButton("Copy", () => text),
    ),
    shown,
  );
}
