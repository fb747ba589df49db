/** A request as a command for a shell, in the form of the model's page. The key stays a variable: no script here knows it. */

import { parse, stringify } from "./json.js";

const INDENT = 2;

/** `body` is the JSON text that was or would be sent. */
export function curl(url, body) {
  return [
    `curl "${doubleQuoted(url)}"`,
    `-H "Content-Type: application/json"`,
    `-H "Authorization: Bearer $RECKON_KEY"`,
    `-d ${quoted(stringify(parse(body), INDENT))}`,
  ].join(" \\\n  ");
}

/** Any text as one word of a POSIX shell. Within single quotes nothing has a meaning but the quote itself. */
export function quoted(text) {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}

function doubleQuoted(text) {
  return text.replace(/[\\"$`]/g, "\\$&");
}
