/** What is copied for `reckon replay`: one line of JSON, every digit and character as it was. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { recording } from "./playground/recording.js";

const url = "http://127.0.0.1:8000/v1/openai/chat/completions?a=b";
const kept = { "x-request-id": "req_1", "x-reckon-seed": "9223372036854775807", "x-reckon-fingerprint": "fp" };

test("a stream is kept as text", () => {
  const headers = { ...kept, server: "uvicorn", "content-type": "text/event-stream; charset=utf-8" };
  const raw = 'data: {"a": "é\\n"}\n\ndata: [DONE]\n\n';
  const body = '{\n  "seed": 9223372036854775807,\n  "text": "two  spaces\\n  and a line"\n}';
  const text = recording({ url, body, headers, raw });
  assert.equal(text.indexOf("\n"), text.length - 1);
  assert.ok(text.includes('"seed": 9223372036854775807,'));
  const parsed = JSON.parse(text);
  assert.equal(parsed.request.path, "/v1/openai/chat/completions");
  assert.equal(parsed.request.body.text, "two  spaces\n  and a line");
  assert.equal(parsed.response, raw);
  assert.deepEqual(parsed.headers, kept);
});

test("a single answer is kept as the JSON it is", () => {
  const raw = '{"choices": [{"logprob": -0.10}],\n "n": 1}';
  const text = recording({ url: "/v1/completions", body: "{}", headers: { "content-type": "application/json" }, raw });
  assert.ok(text.endsWith('"response":{"choices": [{"logprob": -0.10}],"n": 1}}\n'));
  assert.deepEqual(JSON.parse(text).request, { path: "/v1/completions", body: {} });
});
