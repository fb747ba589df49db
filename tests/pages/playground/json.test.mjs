import assert from "node:assert/strict";
import { test } from "node:test";

import { JsonError, parse, stringify } from "./playground/json.js";

const VALUES = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e300,
  "",
  'a"\\\n\u2028é🦀\ud800',
  [],
  {},
  [1, [2, {}]],
  { a: { b: [null, "c"] }, "": 0 },
];

test("what JSON.stringify writes is read as JSON.parse reads it, and written the same", () => {
  for (const value of VALUES) {
    assert.deepEqual(parse(JSON.stringify(value)), value);
    assert.equal(stringify(value), JSON.stringify(value));
    assert.deepEqual(parse(` ${JSON.stringify(value, null, 2)}\n`), value);
    assert.equal(stringify(value, 2), JSON.stringify(value, null, 2));
  }
});

test("no digit of a large integer is lost", () => {
  const text = '{"seed":9223372036854775807,"least":-9007199254740993}';
  assert.equal(stringify(parse(text)), text);
});

test("members that are undefined are left out", () => {
  assert.equal(stringify({ a: undefined, b: 1 }), '{"b":1}');
});

test("__proto__ is a key like others", () => {
  assert.equal(stringify(parse('{"__proto__":{"a":1}}')), '{"__proto__":{"a":1}}');
});

const WRONG = [
  ["", "Line 1, column 1: a value was expected, but the text ends."],
  ["{", "Line 1, column 2: a key in double quotes was expected, but the text ends."],
  ["{'a': 1}", `Line 1, column 2: a key in double quotes was expected, not "'".`],
  ['{"a" 1}', 'Line 1, column 6: a colon after the key was expected, not "1".'],
  ['{\n  "a": 1\n  "b": 2\n}', 'Line 3, column 3: a comma or } was expected, not "\\"".'],
  ["[1, 2,]", "Line 1, column 7: there is a comma too many before ]."],
  ['{"a": 1,\n}', "Line 2, column 1: there is a comma too many before }."],
  ["[1", "Line 1, column 3: a comma or ] was expected, but the text ends."],
  ['{"a": "b}', "Line 1, column 7: this string is not closed, or has a character that must be escaped."],
  ['{"a": 1, "a": 2}', 'Line 1, column 10: the key "a" is there twice.'],
  ["[1] 2", 'Line 1, column 5: the end was expected, not "2".'],
  ["[undefined]", 'Line 1, column 2: a value was expected, not "u".'],
  ["[1e400]", "Line 1, column 2: this number is too large."],
  ["[01]", 'Line 1, column 3: a comma or ] was expected, not "1".'],
];

test("a fault is told by its line, its column and what was expected", () => {
  for (const [text, message] of WRONG) {
    assert.throws(
      () => parse(text),
      (error) => error instanceof JsonError && error.message === message,
      `${text}: ${message}`,
    );
  }
});

test("everything that JSON.parse refuses is refused", () => {
  for (const text of [
    "nul",
    "+1",
    ".5",
    "1.",
    "1e",
    '"\t"',
    '"\\x"',
    '"\\u12"',
    "[1,,2]",
    "{,}",
    "NaN",
    "// a\n1",
    "\u00a01",
  ]) {
    assert.throws(() => JSON.parse(text));
    assert.throws(() => parse(text), JsonError, text);
  }
});
