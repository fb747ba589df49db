/**
 * Where mathematics is in what a model writes, as rules for markdown-it. No DOM; `formula.js` sets what is found.
 *
 * Found are \( … \), \[ … \], $ … $, $$ … $$, a bare \boxed{ … }, and \begin{…} at the start of a line.
 */

const INLINE = [
  { open: "\\(", close: "\\)", display: false },
  { open: "\\[", close: "\\]", display: true },
  { open: "$$", close: "$$", display: true },
];
const BLOCK = /^(?:\\\[|\$\$|\\begin\{([a-z]+\*?)\})/;

/** Teaches a MarkdownIt the tokens `math`, with the TeX as content and in `meta` whether it is displayed, or still open. */
export function findMath(markdown) {
  markdown.inline.ruler.before("escape", "math", inlineRule);
  markdown.block.ruler.before("fence", "math", blockRule, { alt: ["paragraph", "reference", "blockquote", "list"] });
}

function inlineRule(state, silent) {
  const found = inlineMath(state.src, state.pos, state.posMax);
  if (!found) return false;
  if (!silent) {
    const token = state.push(found.tex === null ? "text" : "math", "", 0);
    token.content = found.tex ?? found.text;
    token.meta = { display: found.display, isOpen: false };
  }
  state.pos = found.end;
  return true;
}

/** `tex` is null for an opening that nothing closes: it is shown as it was written, with its backslash. */
export function inlineMath(source, start, limit = source.length) {
  for (const { open, close, display } of INLINE) {
    if (!source.startsWith(open, start)) continue;
    const end = source.indexOf(close, start + open.length);
    if (end < 0 || end + close.length > limit) return { tex: null, text: open, display, end: start + open.length };
    return { tex: source.slice(start + open.length, end), display, end: end + close.length };
  }
  if (source[start] === "$") return dollars(source, start, limit);
  if (source.startsWith("\\boxed{", start)) return boxed(source, start, limit);
  return null;
}

/** One dollar sign is math only where it hugs its content and no digit follows: "$5 and $6" is money. */
function dollars(source, start, limit) {
  const found = /^\$(?![\s$])((?:\\.|[^$\\])*?(?<!\s))\$(?!\d)/s.exec(source.slice(start, limit));
  return found && { tex: found[1], display: false, end: start + found[0].length };
}

function boxed(source, start, limit) {
  let depth = 0;
  for (let place = start; place < limit; place += 1) {
    if (source[place] === "\\") place += 1;
    else if (source[place] === "{") depth += 1;
    else if (source[place] === "}" && --depth === 0) {
      return { tex: source.slice(start, place + 1), display: false, end: place + 1 };
    }
  }
  return { tex: null, text: "\\boxed", display: false, end: start + "\\boxed".length };
}

function blockRule(state, startLine, endLine, silent) {
  const line = (number) => state.src.slice(state.bMarks[number] + state.tShift[number], state.eMarks[number]);
  const opening = BLOCK.exec(line(startLine));
  if (!opening || state.sCount[startLine] - state.blkIndent >= 4) return false;
  const close = opening[1] ? `\\end{${opening[1]}}` : opening[0] === "$$" ? "$$" : "\\]";
  let last = startLine;
  let at = line(last).indexOf(close, opening[0].length);
  while (at < 0) {
    last += 1;
    if (last >= endLine) break;
    if (line(last) === "" || state.sCount[last] < state.blkIndent) return false;
    at = line(last).indexOf(close);
  }
  if (
    at >= 0 &&
    line(last)
      .slice(at + close.length)
      .trim() !== ""
  )
    return false;
  if (!silent) pushBlock(state, startLine, Math.min(last + 1, endLine), opening, at < 0 ? "" : close);
  return true;
}

function pushBlock(state, startLine, endLine, opening, close) {
  const text = state.getLines(startLine, endLine, state.blkIndent, false).trim();
  const token = state.push("math", "", 0);
  token.block = true;
  token.map = [startLine, endLine];
  token.content = opening[1] ? text : text.slice(opening[0].length, text.length - close.length);
  token.meta = { display: true, isOpen: !close };
  state.line = endLine;
}
