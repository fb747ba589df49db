/**
 * Which control a field of the table gets, and in which group it stands. Everything else about a field (range, default,
 * description, allowed words) is the table's, which comes with the page. No DOM.
 */

import { TAKEN } from "./request.js";

/** A field that is in no group stands in the last one: a new row of the table needs no change here. */
const GROUPS = [
  ["Sampling", ["temperature", "top_p", "min_p", "top_k", "seed", "n"]],
  ["Penalties", ["presence_penalty", "frequency_penalty", "repetition_penalty"]],
  ["Length and stops", ["max_tokens", "max_completion_tokens", "stop", "stop_token_ids", "ignore_eos"]],
  ["Tools", ["tools", "tool_choice", "parallel_tool_calls"]],
  ["Form of the answer", ["response_format", "stream", "stream_options", "continue_final_message"]],
  ["Token probabilities", ["logprobs", "top_logprobs", "logit_bias"]],
];
const REST = "More fields";

/** Fields whose kind alone does not say how they are best edited. */
const EDITORS = { stop: "lines", tools: "tools", tool_choice: "choice", response_format: "format" };

/** What the playground asks for unless told otherwise: it is there to show an answer as it comes. */
export const STARTING = { stream: true, stream_options: { continuous_usage_stats: true } };

/** Titles with their fields, in order; groups without a field are left out. */
export function grouped(fields) {
  const known = new Map(GROUPS.flatMap(([title, names]) => names.map((name) => [name, title])));
  const groups = new Map([...GROUPS.map(([title]) => [title, []]), [REST, []]]);
  for (const field of fields) {
    if (!TAKEN.has(field.name)) groups.get(known.get(field.name) ?? REST).push(field);
  }
  for (const [title, names] of GROUPS)
    groups.get(title).sort((one, other) => names.indexOf(one.name) - names.indexOf(other.name));
  return [...groups].filter(([, members]) => members.length);
}

/** One of: slider, number, text, switch, words, lines, tools, choice, format, json. */
export function controlKind(field) {
  if (EDITORS[field.name]) return EDITORS[field.name];
  if (field.allowed) return "words";
  if (field.ftype === "boolean") return "switch";
  if (field.ftype === "string") return "text";
  if (field.ftype !== "number" && field.ftype !== "integer") return "json";
  return field.default !== null && bounds(field) ? "slider" : "number";
}

/** The slider's ends, for a field with both; an end that is excluded is moved by a step. Null without both. */
export function bounds(field) {
  const low = field.minimum ?? field.exclusiveMinimum;
  const high = field.maximum ?? field.exclusiveMaximum;
  if (low === null || high === null) return null;
  const step = field.ftype === "integer" ? 1 : 0.01;
  return { low: field.minimum ?? low + step, high: field.maximum ?? high - step, step };
}

/** The range in the words of the model's page; "" for a field without one. */
export function rangeText(field) {
  const low = field.minimum ?? field.exclusiveMinimum;
  const high = field.maximum ?? field.exclusiveMaximum;
  if (low === null || high === null) return "";
  const lower = field.minimum === null ? "<" : "≤";
  const upper = field.maximum === null ? "<" : "≤";
  return `${plain(low)} ${lower} ${field.name} ${upper} ${plain(high)}`;
}

/** Whether a number lies in the field's range. */
export function isWithin(field, value) {
  const aboveLow = field.minimum !== null ? value >= field.minimum : value > (field.exclusiveMinimum ?? -Infinity);
  const belowHigh = field.maximum !== null ? value <= field.maximum : value < (field.exclusiveMaximum ?? Infinity);
  return aboveLow && belowHigh;
}

/** The field that a refusal names: `tools.0.function.name` is of `tools`. Null when it is none of ours. */
export function fieldOf(param, names) {
  const first = param?.split(".")[0];
  return names.includes(first) ? first : null;
}

function plain(number) {
  return number === 2 ** 63 ? "9223372036854775808" : String(number);
}
