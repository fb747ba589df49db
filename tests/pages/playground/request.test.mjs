import assert from "node:assert/strict";
import { test } from "node:test";

import { bounds, controlKind, fieldOf, grouped, isWithin, rangeText } from "./playground/fields.js";
import { body, encoded, isDefault, seeded, typedNumber } from "./playground/request.js";

const field = (name, ftype, more = {}) => ({
  name,
  ftype,
  description: "",
  default: null,
  minimum: null,
  exclusiveMinimum: null,
  maximum: null,
  exclusiveMaximum: null,
  allowed: null,
  examples: null,
  ...more,
});
const FIELDS = [
  field("model", "string"),
  field("messages", "array"),
  field("stream", "boolean", { default: false }),
  field("temperature", "number", { default: 1, minimum: 0, maximum: 2 }),
  field("top_p", "number", { default: 1, exclusiveMinimum: 0, maximum: 1 }),
  field("top_k", "integer", { default: 0, minimum: 0, exclusiveMaximum: 1000 }),
  field("max_tokens", "integer", { minimum: 0, maximum: 1e6 }),
  field("stop", "string"),
  field("seed", "integer", { minimum: 0, exclusiveMaximum: 2 ** 63 }),
  field("verbosity", "string", { allowed: ["low", "high"] }),
  field("user", "string"),
  field("metadata", "object"),
];
const SAID = [{ role: "user", content: "Hello!" }];

test("a form left alone is the model and the messages", () => {
  const defaults = { stream: false, temperature: 1, top_p: 1, top_k: 0, max_tokens: undefined, seed: undefined };
  assert.equal(encoded(body(FIELDS, "a/b", SAID, defaults)), '{"model":"a/b","messages":[{"role":"user","content":"Hello!"}]}');
});

test("what differs from its default is there, in the table's order", () => {
  const values = { seed: 9223372036854775807n, temperature: 0, stream: true, max_tokens: 0, model: "no", messages: [] };
  const text = encoded(body(FIELDS, "a/b", SAID, values)).slice(encoded({ model: "a/b", messages: SAID }).length - 1);
  assert.equal(text, ',"stream":true,"temperature":0,"max_tokens":0,"seed":9223372036854775807}');
});

test("a field without a default has no value that equals it", () => {
  assert.equal(isDefault(field("max_tokens", "integer"), null), false);
  assert.equal(isDefault(field("x", "array", { default: [1] }), [1]), true);
});

test("the same request with a seed keeps everything else", () => {
  const asked = body(FIELDS, "a/b", SAID, { temperature: 0.5 });
  assert.deepEqual(seeded(asked, "9223372036854775807"), { ...asked, seed: 9223372036854775807n });
  assert.deepEqual(seeded({ ...asked, seed: 3 }, "3"), { ...asked, seed: 3 });
});

test("numbers are read as they are typed, and what is none is kept for the server to refuse", () => {
  const read = {
    "": undefined,
    " ": undefined,
    0: 0,
    "-2": -2,
    "−1.5": -1.5,
    ".5": 0.5,
    "1e3": 1000,
    abc: "abc",
    "1,5": "1,5",
    "0x10": "0x10",
    Infinity: "Infinity",
    "1e400": "1e400",
  };
  for (const [text, value] of Object.entries(read)) assert.equal(typedNumber(text), value, text);
  assert.equal(typedNumber("9223372036854775808"), 9223372036854775808n);
});

test("each kind of field has its control", () => {
  const kinds = Object.fromEntries(FIELDS.map((one) => [one.name, controlKind(one)]));
  assert.deepEqual(kinds, {
    model: "text",
    messages: "json",
    stream: "switch",
    temperature: "slider",
    top_p: "slider",
    top_k: "slider",
    max_tokens: "number",
    stop: "lines",
    seed: "number",
    verbosity: "words",
    user: "text",
    metadata: "json",
  });
});

test("every field but the conversation's own is in exactly one group", () => {
  const placed = grouped(FIELDS).flatMap(([, members]) => members.map((one) => one.name));
  assert.deepEqual(
    placed.sort(),
    FIELDS.map((one) => one.name)
      .filter((name) => !["model", "messages"].includes(name))
      .sort(),
  );
});

test("ranges are in the page's words, and a slider's ends lie within", () => {
  const of = Object.fromEntries(FIELDS.map((one) => [one.name, one]));
  assert.equal(rangeText(of.temperature), "0 ≤ temperature ≤ 2");
  assert.equal(rangeText(of.top_p), "0 < top_p ≤ 1");
  assert.equal(rangeText(of.seed), "0 ≤ seed < 9223372036854775808");
  assert.equal(rangeText(of.user), "");
  assert.deepEqual(bounds(of.top_p), { low: 0.01, high: 1, step: 0.01 });
  assert.deepEqual(bounds(of.top_k), { low: 0, high: 999, step: 1 });
  assert.equal(isWithin(of.top_p, 0), false);
  assert.equal(isWithin(of.top_k, 999), true);
  assert.equal(isWithin(of.top_k, 1000), false);
  assert.equal(isWithin(of.seed, 9223372036854775808n), false);
});

test("a refusal finds its field by the path it names", () => {
  const names = FIELDS.map((one) => one.name);
  assert.equal(fieldOf("stop.2", names), "stop");
  assert.equal(fieldOf("nothing", names), null);
  assert.equal(fieldOf(null, names), null);
});
