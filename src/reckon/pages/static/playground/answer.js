/** One exchange's answers, growing: chunks of a stream, or a whole completion, to contents, calls and reasons. No DOM. */

export function emptyAnswer() {
  return { content: "", reasoning: "", calls: [], scores: [], finish: null };
}

/** Takes a chunk's body in. Returns whether it brought something of the model's own: the first such is the first token. */
export function addChunk(exchange, chunk) {
  let brought = false;
  for (const choice of chunk.choices ?? []) {
    const answer = at(exchange.answers, choice.index, emptyAnswer);
    brought = addDelta(answer, choice.delta ?? {}) || brought;
    answer.scores.push(...(choice.logprobs?.content ?? []));
    answer.finish = choice.finish_reason ?? answer.finish;
  }
  exchange.usage = chunk.usage ?? exchange.usage;
  exchange.fingerprint = chunk.system_fingerprint ?? exchange.fingerprint;
  return brought;
}

/** Takes the single body of an answer that was not streamed. */
export function addWhole(exchange, completion) {
  const choices = completion.choices.map(({ message, ...choice }) => ({
    ...choice,
    delta: { ...message, tool_calls: message.tool_calls?.map((call, index) => ({ ...call, index })) },
  }));
  return addChunk(exchange, { ...completion, choices });
}

function addDelta(answer, delta) {
  answer.content += delta.content ?? "";
  answer.reasoning += delta.reasoning_content ?? "";
  for (const piece of delta.tool_calls ?? []) {
    const call = at(answer.calls, piece.index, () => ({ id: "", name: "", arguments: "" }));
    call.id = piece.id ?? call.id;
    call.name = piece.function?.name ?? call.name;
    call.arguments += piece.function?.arguments ?? "";
  }
  return Boolean(delta.content || delta.reasoning_content || delta.tool_calls?.length);
}

/** The item at `index`, after making those up to it that are missing. */
function at(items, index, make) {
  while (items.length <= index) items.push(make());
  return items[index];
}

/** The answer as a message of the conversation, as OpenAI's clients send it back. */
export function asMessage(answer) {
  const calls = answer.calls.map(({ id, name, arguments: text }) => ({
    id,
    type: "function",
    function: { name, arguments: text },
  }));
  if (!calls.length) return { role: "assistant", content: answer.content };
  return { role: "assistant", content: answer.content || null, tool_calls: calls };
}

/** Whether two exchanges said the same, byte for byte. */
export function saysTheSame(one, other) {
  const said = (exchange) =>
    JSON.stringify(
      exchange.answers.map(({ content, reasoning, calls, finish }) => [
        content,
        reasoning,
        calls.map((call) => [call.name, call.arguments]),
        finish,
      ]),
    );
  return said(one) === said(other);
}
