/**
 * Server-sent events, by the WHATWG's rules: bytes in pieces of any size to the data of whole events.
 *
 * Knows no fetch and no JSON. `stream.js` feeds it.
 */

export class EventParser {
  #decoder = new TextDecoder();
  #rest = "";
  #data = [];

  /** Everything that came, as text. */
  raw = "";

  /** The data of the events that `bytes` (Uint8Array) completes. A character or a line may be cut anywhere. */
  push(bytes) {
    return this.#take(this.#decoder.decode(bytes, { stream: true }));
  }

  /** The same for what is left when the stream has ended. An event without its blank line is not one. */
  end() {
    return this.#take(this.#decoder.decode());
  }

  #take(text) {
    this.raw += text;
    this.#rest += text;
    const events = [];
    for (let end; (end = lineEnd(this.#rest)); this.#rest = this.#rest.slice(end.next)) {
      const line = this.#rest.slice(0, end.at);
      if (line === "" && this.#data.length) {
        events.push(this.#data.join("\n"));
        this.#data = [];
      } else if (line === "data" || line.startsWith("data:")) {
        this.#data.push(line.slice(5).replace(/^ /, ""));
      }
    }
    return events;
  }
}

/** Where the first line ends and the next begins; a carriage return in the last place may be half of a pair. */
function lineEnd(text) {
  const at = text.search(/[\r\n]/);
  if (at < 0 || (text[at] === "\r" && at === text.length - 1)) return null;
  return { at, next: text.startsWith("\r\n", at) ? at + 2 : at + 1 };
}
