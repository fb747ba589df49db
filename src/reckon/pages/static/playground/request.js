/** What the controls hold, to the body of a request: only what differs from the table's defaults, nothing checked twice. */

import { numeric, stringify } from "./json.js";

/** The fields that the conversation itself fills. */
export const TAKEN = new Set(["model", "messages"]);

/**
 * `values` are by field name; undefined, and what equals the field's default, is left out.
 * The order is the table's, so that the same form always gives the same bytes.
 */
export function body(fields, model, messages, values) {
  const asked = { model, messages };
  for (const field of fields) {
    const value = values[field.name];
    if (TAKEN.has(field.name) || value === undefined || isDefault(field, value)) continue;
    asked[field.name] = value;
  }
  return asked;
}

/** The bytes that are sent, as text. */
export function encoded(asked) {
  return stringify(asked);
}

export function isDefault(field, value) {
  return field.default !== null && stringify(value) === stringify(field.default);
}

/** The same request with the seed that its answer was made with: a header's digits, up to 2^63 - 1. */
export function seeded(asked, digits) {
  return { ...asked, seed: numeric(digits) };
}

/** What an input of a number means. What is no number is sent as it was typed, for the server to say what is wrong with it. */
export function typedNumber(text) {
  const trimmed = text.trim().replace("−", "-");
  if (trimmed === "") return undefined;
  const isNumber = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(trimmed) && Number.isFinite(Number(trimmed));
  return isNumber ? numeric(trimmed) : text;
}
