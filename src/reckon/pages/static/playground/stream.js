/**
 * One request and its answer, from the first byte to the last: fetch, the stream's events, and what came over the wire.
 *
 * An exchange is plain data that can be stored. `outcome` says how it ended:
 *   running   not yet            done     as the server meant it
 *   stopped   by the reader      refused  before anything ran, `error` says why
 *   failed    in mid-stream, `error` says why; what had come is kept
 *   lost      the connection or the page went away
 */

import { addChunk, addWhole, emptyAnswer } from "./answer.js";
import { EventParser } from "./events.js";
import { encoded } from "./request.js";

const DONE = "[DONE]";
const REQUEST_HEADERS = { "content-type": "application/json" };

/** `prefix` is the beginning of the one answer, where the request is to go on with it. */
export function newExchange(url, asked, prefix = "") {
  return {
    url,
    asked,
    body: encoded(asked),
    prefix,
    outcome: "running",
    status: null,
    headers: {},
    raw: "",
    answers: prefix ? [{ ...emptyAnswer(), content: prefix }] : [],
    usage: null,
    fingerprint: null,
    error: null,
    timing: { sent: performance.now(), first: null, last: performance.now() },
  };
}

/**
 * Sends it and fills it in; calls `changed` after every piece. Never throws: whatever goes wrong is the exchange's outcome.
 * `signal` stops it.
 */
export async function run(exchange, signal, changed) {
  try {
    const { url, body } = exchange;
    const response = await fetch(url, { method: "POST", headers: REQUEST_HEADERS, body, signal, credentials: "same-origin" });
    exchange.status = response.status;
    exchange.headers = Object.fromEntries(response.headers);
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
    await (isStream ? readStream(exchange, response, changed) : readWhole(exchange, response));
  } catch (error) {
    end(exchange, signal.aborted ? "stopped" : "lost", signal.aborted ? null : said("The connection was lost", error));
  }
  exchange.timing.last = performance.now();
  changed();
}

async function readStream(exchange, response, changed) {
  const parser = new EventParser();
  const reader = response.body.getReader();
  for (let part = await reader.read(); ; part = await reader.read()) {
    const events = part.done ? parser.end() : parser.push(part.value);
    exchange.raw = parser.raw;
    for (const data of events) take(exchange, data);
    if (part.done) break;
    changed();
  }
  if (exchange.outcome === "running") {
    end(exchange, "lost", { message: "The stream ended before the answer was complete.", param: null, code: null });
  }
}

function take(exchange, data) {
  if (data === DONE) {
    if (exchange.outcome === "running") end(exchange, "done");
    return;
  }
  const chunk = safeParse(data);
  if (chunk === null || chunk.error) {
    end(exchange, "failed", chunk?.error ?? said("The server sent an event that is not JSON"));
  } else if (addChunk(exchange, chunk)) {
    exchange.timing.last = performance.now();
    exchange.timing.first ??= exchange.timing.last;
  }
}

async function readWhole(exchange, response) {
  exchange.raw = await response.text();
  const parsed = safeParse(exchange.raw);
  if (response.ok && parsed?.choices) {
    addWhole(exchange, parsed);
    end(exchange, "done");
  } else {
    end(exchange, "refused", parsed?.error ?? said(`The server answered with status ${response.status}`));
  }
}

function end(exchange, outcome, error = null) {
  exchange.outcome = outcome;
  exchange.error = error;
}

function said(what, error) {
  return { message: `${what}${error?.message ? `: ${error.message}` : ""}.`, param: null, code: null };
}

function safeParse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
