import assert from "node:assert/strict";
import { test } from "node:test";

import { offset, split } from "./playground/blocks.js";
import { findMath, inlineMath } from "./playground/tex.js";
import MarkdownIt from "./vendor/markdown-it/markdown-it.esm.min.mjs";

const markdown = new MarkdownIt({ html: false, linkify: false, breaks: true });
findMath(markdown);

const kinds = (text) =>
  markdown
    .parse(text, {})
    .flatMap((token) => (token.type === "inline" ? token.children : [token]))
    .map((token) => token.type);
const math = (text) =>
  markdown
    .parse(text, {})
    .flatMap((token) => token.children ?? [token])
    .filter((token) => token.type === "math");

test("formulas are found in all their spellings", () => {
  const found = [
    ["so \\(a_1 + b\\) is", "a_1 + b", false],
    ["so \\[a*b*c\\] is", "a*b*c", true],
    ["\\[\na\n+ b\n\\]", "\na\n+ b\n", true],
    ["text\n$$x^2$$", "x^2", true],
    ["it is $x_1$.", "x_1", false],
    ["**Answer** \\boxed{\\frac{1}{2}}", "\\boxed{\\frac{1}{2}}", false],
    ["\\begin{align}\na &= b \\\\\n\\end{align}", "\\begin{align}\na &= b \\\\\n\\end{align}", true],
    ["- item \\(y\\)", "y", false],
    ["1. \\[\n   z\n   \\]", "\nz\n", true],
  ];
  for (const [text, tex, display] of found) {
    const tokens = math(text);
    assert.equal(tokens.length, 1, text);
    assert.deepEqual([tokens[0].content, tokens[0].meta], [tex, { display, isOpen: false }], text);
  }
});

test("what is no formula stays as it was written", () => {
  for (const text of [
    "$5 and $6",
    "a \\$x\\$ b",
    "`\\(x\\)`",
    "```\n\\[x\\]\n```",
    "$ x $",
    "\\(never closed",
    "\\boxed{never",
  ]) {
    assert.equal(math(text).length, 0, text);
  }
  assert.equal(
    markdown
      .parse("\\(x", {})[1]
      .children.map((token) => token.content)
      .join(""),
    "\\(x",
  );
  assert.equal(inlineMath("\\boxed{", 0).tex, null);
});

test("a displayed formula is open until its end has come, and none if a blank line comes first", () => {
  assert.equal(math("\\[ x +")[0].meta.isOpen, true);
  assert.equal(math("\\[ x +\n\nand then").length, 0);
});

test("raw HTML is text", () => {
  assert.deepEqual(kinds("<script>alert(1)</script>"), ["paragraph_open", "text", "paragraph_close"]);
});

const LONG = [
  "We add **twelve** and\nthirty.",
  "1. tens\n\n   more\n2. ones",
  "```python\nx = [1]\n\ny = 2\n```",
  "> a quote\ngoes on",
  "\\[\n12 + 30\n= 42\n\\]",
  "| a | b |\n|---|---|\n| 1 | 2 |",
  "Heading\n---",
  "    indented\n\n    code",
  "# Last",
  "The answer is \\boxed{42}.",
].join("\n\n");

/** What `prose.js` does at each update, without elements: the tokens that stay, and those of the block still open. */
function grown(text, step) {
  const kept = [];
  let start = 0;
  let open = [];
  for (let end = step; end < text.length + step; end += step) {
    const rest = text.slice(start, end);
    const blocks = split(markdown.parse(rest, {}));
    const last = blocks.pop() ?? { tokens: [], line: 0 };
    kept.push(...blocks.flatMap((block) => block.tokens));
    open = last.tokens;
    start += offset(rest, last.line);
  }
  return [...kept, ...open].map(({ type, content, markup }) => [type, content, markup]);
}

test("grown in steps of any size, the blocks are those of the whole text", () => {
  const whole = markdown.parse(LONG, {}).map(({ type, content, markup }) => [type, content, markup]);
  for (const step of [1, 2, 3, 7, 50, LONG.length]) assert.deepEqual(grown(LONG, step), whole, `steps of ${step}`);
});
