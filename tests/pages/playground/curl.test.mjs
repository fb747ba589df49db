import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { curl, quoted } from "./playground/curl.js";
import { parse } from "./playground/json.js";

const AWKWARD = [
  "I'm happy",
  "''",
  `"'"'"`,
  "a\nb\r\n\tc",
  "$RECKON_KEY ${HOME} $(date) `date`",
  "back\\slash \\' \\",
  "! !! !$ #no comment; & | > < * ? ~ {a,b}",
  "π 🦀 \u2028",
  "-d @/etc/passwd",
  "",
];

/** The words that bash makes of a command line. */
function words(command, environment = {}) {
  const printed = execFileSync("bash", ["--norc", "-c", `curl() { printf '%s\\0' "$@"; }; ${command}`], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return printed.toString().split("\0").slice(0, -1);
}

test("any text is one word of bash", () => {
  for (const text of AWKWARD) assert.deepEqual(words(`curl ${quoted(text)}`), [text]);
});

test("the command sends the body, and the key is the shell's", () => {
  for (const text of AWKWARD) {
    const body = { model: "reckon/abacus", messages: [{ role: "user", content: text }], stop: [text] };
    const sent = words(curl("http://127.0.0.1:8000/v1/openai/chat/completions", JSON.stringify(body)), { RECKON_KEY: "rk-1" });
    const [url, ...rest] = sent;
    assert.equal(url, "http://127.0.0.1:8000/v1/openai/chat/completions");
    assert.deepEqual(rest.slice(0, 5), ["-H", "Content-Type: application/json", "-H", "Authorization: Bearer rk-1", "-d"]);
    assert.deepEqual(JSON.parse(rest[5]), body);
    assert.equal(rest.length, 6);
  }
});

test("a large seed keeps its digits", () => {
  assert.match(curl("http://h/", '{"seed":9223372036854775807}'), /"seed": 9223372036854775807/);
  assert.equal(parse("9223372036854775807"), 9223372036854775807n);
});

test("nothing in an address is the shell's", () => {
  assert.deepEqual(words(curl('http://h/a$HOME`b`"c"\\', "{}"), { HOME: "x" })[0], 'http://h/a$HOME`b`"c"\\');
});
