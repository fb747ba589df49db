import assert from "node:assert/strict";
import { test } from "node:test";

import { EventParser } from "./playground/events.js";

const WIRE =
  'data: {"a": "π ≤ 🦀"}\n\n' + // two, three and four bytes to a character
  ": keep-alive\n\n" +
  "event: named\r\ndata: first\r\ndata:second\r\n\r\n" +
  "data\ndata: \n\n" +
  "id: 7\nretry: 10\n\n" +
  "data: mac\r\rdata: [DONE]\n\n";
const EVENTS = ['{"a": "π ≤ 🦀"}', "first\nsecond", "\n", "mac", "[DONE]"];

function parsed(...pieces) {
  const parser = new EventParser();
  const events = pieces.flatMap((piece) => parser.push(piece));
  return { events: [...events, ...parser.end()], raw: parser.raw };
}

test("cut in two at every byte, the events are the same", () => {
  const bytes = new TextEncoder().encode(WIRE);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    assert.deepEqual(parsed(bytes.slice(0, cut), bytes.slice(cut)), { events: EVENTS, raw: WIRE }, `cut at ${cut}`);
  }
});

test("byte by byte, the events are the same", () => {
  const bytes = [...new TextEncoder().encode(WIRE)].map((byte) => Uint8Array.of(byte));
  assert.deepEqual(parsed(...bytes), { events: EVENTS, raw: WIRE });
});

test("an event comes as soon as its blank line has", () => {
  const parser = new EventParser();
  const encode = (text) => new TextEncoder().encode(text);
  assert.deepEqual(parser.push(encode("data: one\n")), []);
  assert.deepEqual(parser.push(encode("\n")), ["one"]);
});

test("an event without its blank line is none", () => {
  assert.deepEqual(parsed(new TextEncoder().encode("data: whole\n\ndata: cut")).events, ["whole"]);
});
