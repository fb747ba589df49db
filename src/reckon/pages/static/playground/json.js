/**
 * JSON that says where it is wrong, and that keeps integers which a JavaScript number would round.
 *
 * A seed may be as large as 2^63 - 1: integers past 2^53 are read as BigInt and written back digit by digit.
 */

export class JsonError extends Error {
  /** `place` is the offset in `text` where reading could not go on. */
  constructor(message, text, place) {
    const before = text.slice(0, place).split("\n");
    super(`Line ${before.length}, column ${before.at(-1).length + 1}: ${message}.`);
    this.place = place;
  }
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORDS = { true: true, false: false, null: null };

/** The value of a JSON text. Throws JsonError. */
export function parse(text) {
  const reader = new Reader(text);
  const value = reader.value();
  reader.space();
  if (reader.place < text.length) reader.expected("the end");
  return value;
}

class Reader {
  constructor(text) {
    this.text = text;
    this.place = 0;
  }

  value() {
    this.space();
    const next = this.text[this.place];
    if (next === "{") return this.object();
    if (next === "[") return this.array();
    if (next === '"') return this.string();
    const number = this.match(NUMBER);
    if (number && !Number.isFinite(Number(number))) this.fail("this number is too large", this.place - number.length);
    if (number) return numeric(number);
    for (const [word, value] of Object.entries(WORDS)) {
      if (this.text.startsWith(word, this.place)) {
        this.place += word.length;
        return value;
      }
    }
    return this.expected("a value");
  }

  object() {
    const entries = new Map();
    this.place += 1;
    if (this.ends("}")) return {};
    do {
      this.space();
      if (this.text[this.place] !== '"') this.expected("a key in double quotes");
      const start = this.place;
      const key = this.string();
      if (entries.has(key)) this.fail(`the key ${JSON.stringify(key)} is there twice`, start);
      this.expect(":", "a colon after the key");
      entries.set(key, this.value());
    } while (this.goesOn("}"));
    return Object.fromEntries(entries);
  }

  array() {
    const items = [];
    this.place += 1;
    if (this.ends("]")) return items;
    do items.push(this.value());
    while (this.goesOn("]"));
    return items;
  }

  string() {
    const found = this.match(STRING);
    if (found) return JSON.parse(found);
    return this.fail("this string is not closed, or has a character that must be escaped");
  }

  /** Whether another member follows; else the closing bracket is consumed. */
  goesOn(close) {
    this.space();
    if (this.text[this.place] === ",") {
      this.place += 1;
      this.space();
      if (this.text[this.place] === close) this.fail(`there is a comma too many before ${close}`);
      return true;
    }
    this.expect(close, `a comma or ${close}`);
    return false;
  }

  ends(close) {
    this.space();
    if (this.text[this.place] !== close) return false;
    this.place += 1;
    return true;
  }

  expect(sign, what) {
    this.space();
    if (this.text[this.place] !== sign) this.expected(what);
    this.place += 1;
  }

  space() {
    this.match(SPACE);
  }

  match(pattern) {
    pattern.lastIndex = this.place;
    const found = pattern.exec(this.text)?.[0];
    if (found) this.place += found.length;
    return found;
  }

  expected(what) {
    const found = this.place < this.text.length ? `not ${JSON.stringify(this.text[this.place])}` : "but the text ends";
    return this.fail(`${what} was expected, ${found}`);
  }

  fail(message, place = this.place) {
    throw new JsonError(message, this.text, place);
  }
}

/** A number as JavaScript has it; a BigInt where that would round an integer. */
export function numeric(digits) {
  const number = Number(digits);
  return /^-?[0-9]+$/.test(digits) && !Number.isSafeInteger(number) ? BigInt(digits) : number;
}

/** JSON of plain values and BigInts; members that are undefined are left out. `indent` spaces a level, or one line with 0. */
export function stringify(value, indent = 0, margin = "") {
  if (typeof value === "bigint") return value.toString();
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const deeper = margin + " ".repeat(indent);
  const isArray = Array.isArray(value);
  const members = isArray
    ? value.map((item) => stringify(item, indent, deeper))
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => `${JSON.stringify(key)}:${indent ? " " : ""}${stringify(item, indent, deeper)}`);
  const [open, close] = isArray ? "[]" : "{}";
  if (!members.length) return open + close;
  return indent ? `${open}\n${deeper}${members.join(`,\n${deeper}`)}\n${margin}${close}` : open + members.join(",") + close;
}
