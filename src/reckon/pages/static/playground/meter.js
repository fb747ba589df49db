/** The numbers of one answer: how long, how many, how fast, how much. Plain arithmetic; `status.js` shows it. */

/**
 * `timing` has milliseconds of one clock: `sent`, `first` (the first token; null before it) and `last` (the latest one, or the
 * end). `usage` is the server's count so far, or null where it has told none.
 *
 * Returns `wait` and `total` in ms, `rate` in tokens/s, `prompt`, `cached`, `completion` in tokens, `cost` in dollars; null is
 * "not known". The rate is of the tokens after the first: the time before it is the wait.
 */
export function measure(timing, usage) {
  const wait = timing.first === null ? null : timing.first - timing.sent;
  const completion = usage?.completion_tokens ?? null;
  const seconds = timing.first === null ? 0 : (timing.last - timing.first) / 1000;
  return {
    wait,
    total: timing.last - timing.sent,
    rate: completion > 1 && seconds > 0 ? (completion - 1) / seconds : null,
    prompt: usage?.prompt_tokens ?? null,
    cached: usage?.prompt_tokens_details?.cached_tokens ?? null,
    completion,
    cost: usage?.estimated_cost ?? null,
  };
}

/** What a whole conversation has used, over answers that were counted. Costs are whole nano-dollars and are added as such. */
export function sum(usages) {
  const counted = usages.filter(Boolean);
  const nano = counted.reduce((all, usage) => all + Math.round(usage.estimated_cost * 1e9), 0);
  return { tokens: counted.reduce((all, usage) => all + usage.total_tokens, 0), cost: nano / 1e9 };
}

/** Milliseconds for a reader. */
export function duration(ms) {
  if (ms === null) return "–";
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 9950 ? 2 : 1)} s`;
}

/** Dollars with every digit that was charged, to the nano-dollar, and at least cents. */
export function dollars(amount) {
  if (amount === null) return "–";
  return `$${amount.toFixed(9).replace(/(\.\d\d\d*?)0+$/, "$1")}`;
}

export function rate(tokensPerSecond) {
  if (tokensPerSecond === null) return "–";
  return `${tokensPerSecond < 99.95 ? tokensPerSecond.toFixed(1) : Math.round(tokensPerSecond).toLocaleString("en")} tokens/s`;
}

export function count(number) {
  return number === null ? "–" : number.toLocaleString("en");
}
