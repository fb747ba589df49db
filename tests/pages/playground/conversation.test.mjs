import assert from "node:assert/strict";
import { test } from "node:test";

import { addChunk, addWhole, asMessage, saysTheSame } from "./playground/answer.js";
import * as tree from "./playground/conversation.js";

const exchange = (more = {}) => ({ answers: [], usage: null, outcome: "done", ...more });
const said = (content, calls = []) => exchange({ answers: [{ content, reasoning: "", calls, scores: [], finish: "stop" }] });
const piece = (delta, finish = null, index = 0) => ({ choices: [{ index, delta, finish_reason: finish }] });

function talk() {
  const conversation = tree.emptyConversation("a/b");
  const question = tree.add(conversation, tree.ROOT, tree.userNode("one"));
  const answer = tree.add(conversation, question.id, tree.answerNode(said("first")));
  return { conversation, question, answer };
}

test("a message edited is a branch beside the old one, and both can be shown", () => {
  const { conversation, question } = talk();
  const edited = tree.add(conversation, tree.ROOT, tree.userNode("two"));
  assert.deepEqual(tree.messages(conversation), [{ role: "user", content: "two" }]);
  assert.deepEqual(tree.branch(conversation, edited), { index: 1, count: 2 });
  tree.turnTo(conversation, edited, -1);
  assert.deepEqual(
    tree.messages(conversation).map((message) => message.content),
    ["one", "first"],
  );
  tree.turnTo(conversation, question, -1);
  assert.equal(tree.path(conversation)[0].id, question.id);
});

test("the system message comes first, and messages end at the node that is asked from", () => {
  const { conversation, question } = talk();
  conversation.system = "Be brief.";
  assert.deepEqual(tree.messages(conversation, question.id), [
    { role: "system", content: "Be brief." },
    { role: "user", content: "one" },
  ]);
});

test("an answer that never came is no message", () => {
  const { conversation, answer } = talk();
  tree.add(conversation, answer.id, tree.answerNode(exchange({ outcome: "refused" })));
  assert.equal(tree.messages(conversation).length, 2);
});

test("calls wait for their results, and go back with them", () => {
  const { conversation, question } = talk();
  const call = { id: "call_1", name: "add", arguments: '{"a":1}' };
  const answer = tree.add(conversation, question.id, tree.answerNode(said("", [call])));
  assert.deepEqual(tree.openCalls(conversation), [call]);
  tree.add(conversation, answer.id, tree.toolNode(call, "42"));
  assert.deepEqual(tree.openCalls(conversation), []);
  assert.deepEqual(tree.messages(conversation).slice(1), [
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "call_1", type: "function", function: { name: "add", arguments: '{"a":1}' } }],
    },
    { role: "tool", tool_call_id: "call_1", content: "42" },
  ]);
});

test("the answer that was chosen goes on", () => {
  const { conversation, question } = talk();
  const two = exchange({ answers: [...said("left").answers, ...said("right").answers] });
  const answer = tree.add(conversation, question.id, tree.answerNode(two));
  answer.chosen = 1;
  assert.equal(tree.messages(conversation).at(-1).content, "right");
});

test("its title is its first message, and what it used counts hidden branches too", () => {
  const { conversation, question, answer } = talk();
  answer.exchange.usage = { total_tokens: 1 };
  tree.add(conversation, question.id, tree.answerNode(exchange({ usage: { total_tokens: 2 } })));
  assert.equal(tree.title(conversation), "one");
  assert.deepEqual(
    tree.usages(conversation).map((usage) => usage.total_tokens),
    [1, 2],
  );
  assert.equal(tree.title(tree.emptyConversation("a/b")), "New conversation");
});

test("chunks add up to what the whole answer says", () => {
  const streamed = exchange();
  const usage = { completion_tokens: 3 };
  assert.equal(addChunk(streamed, piece({ role: "assistant", content: "" })), false);
  assert.equal(addChunk(streamed, piece({ content: "Hel" })), true);
  addChunk(streamed, piece({ content: "B" }, null, 1));
  addChunk(streamed, piece({ content: "lo" }));
  addChunk(streamed, piece({ tool_calls: [{ index: 0, id: "c", type: "function", function: { name: "f", arguments: "" } }] }));
  addChunk(streamed, piece({ tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] }));
  addChunk(streamed, piece({ tool_calls: [{ index: 0, function: { arguments: ":1}" } }] }));
  addChunk(streamed, piece({}, "tool_calls"));
  addChunk(streamed, { ...piece({}, "stop", 1), usage, system_fingerprint: "fp" });
  const whole = exchange();
  addWhole(whole, {
    system_fingerprint: "fp",
    usage,
    choices: [
      {
        index: 0,
        finish_reason: "tool_calls",
        message: {
          role: "assistant",
          content: "Hello",
          tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
        },
      },
      { index: 1, finish_reason: "stop", message: { role: "assistant", content: "B" } },
    ],
  });
  assert.deepEqual(whole, streamed);
  assert.equal(asMessage(whole.answers[0]).tool_calls[0].function.arguments, '{"a":1}');
});

test("two answers are the same only if every byte is", () => {
  assert.equal(saysTheSame(said("a"), said("a")), true);
  assert.equal(saysTheSame(said("a"), said("b")), false);
  assert.equal(
    saysTheSame(said("", [{ id: "1", name: "f", arguments: "{}" }]), said("", [{ id: "2", name: "f", arguments: "{}" }])),
    true,
  );
});
