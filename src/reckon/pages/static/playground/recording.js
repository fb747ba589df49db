/** An exchange as `reckon replay` reads it: docs/repeat.md has the format. Body and answer stay as they went over the wire. */

const KEPT = ["x-request-id", "x-reckon-seed", "x-reckon-fingerprint"];

/** Text of one line, so that recordings can be put into one file. */
export function recording({ url, body, headers, raw }) {
  const path = new URL(url, "http://here").pathname;
  const kept = Object.fromEntries(KEPT.filter((name) => name in headers).map((name) => [name, headers[name]]));
  const streamed = headers["content-type"]?.startsWith("text/event-stream");
  const response = streamed ? JSON.stringify(raw) : oneLine(raw);
  const request = `{"path":${JSON.stringify(path)},"body":${oneLine(body)}}`;
  return `{"request":${request},"headers":${JSON.stringify(kept)},"response":${response}}\n`;
}

/** JSON escapes line breaks in its strings: any other is layout. Parsing would lose digits of long numbers. */
function oneLine(json) {
  return json.replace(/[\r\n]+ */g, "");
}
