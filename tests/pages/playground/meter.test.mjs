import assert from "node:assert/strict";
import { test } from "node:test";

import { count, dollars, duration, measure, rate, sum } from "./playground/meter.js";

const usage = (completion, cost = 0) => ({
  prompt_tokens: 10,
  completion_tokens: completion,
  total_tokens: 10 + completion,
  estimated_cost: cost,
  prompt_tokens_details: { cached_tokens: 4 },
});

test("the rate is of the tokens after the first, over the time after it", () => {
  assert.deepEqual(measure({ sent: 1000, first: 1250, last: 3250 }, usage(41, 0.0000009)), {
    wait: 250,
    total: 2250,
    rate: 20,
    prompt: 10,
    cached: 4,
    completion: 41,
    cost: 0.0000009,
  });
});

test("nothing is made up before it is known", () => {
  assert.deepEqual(measure({ sent: 0, first: null, last: 500 }, null), {
    wait: null,
    total: 500,
    rate: null,
    prompt: null,
    cached: null,
    completion: null,
    cost: null,
  });
  assert.equal(measure({ sent: 0, first: 100, last: 100 }, usage(1)).rate, null);
  assert.equal(measure({ sent: 0, first: 100, last: 200 }, null).rate, null);
});

test("costs add up to the nano-dollar", () => {
  assert.deepEqual(sum([usage(1, 0.0000001), null, usage(2, 0.0000002)]), { tokens: 23, cost: 0.0000003 });
  assert.deepEqual(sum([]), { tokens: 0, cost: 0 });
});

test("numbers for a reader", () => {
  assert.deepEqual([null, 0, 12.4, 999.4, 999.6, 1234, 12345].map(duration), [
    "–",
    "0 ms",
    "12 ms",
    "999 ms",
    "1.00 s",
    "1.23 s",
    "12.3 s",
  ]);
  assert.deepEqual([null, 0, 0.00000142, 0.5, 1.25, 12].map(dollars), [
    "–",
    "$0.00",
    "$0.00000142",
    "$0.50",
    "$1.25",
    "$12.00",
  ]);
  assert.deepEqual([null, 9.96, 1234.5].map(rate), ["–", "10.0 tokens/s", "1,235 tokens/s"]);
  assert.deepEqual([null, 1234].map(count), ["–", "1,234"]);
});
