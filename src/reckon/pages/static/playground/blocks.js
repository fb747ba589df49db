/** A text's blocks, as markdown-it's tokens have them: which is the last, and where it begins. No DOM. */

/** Tokens by top-level block, each with the line it begins in. */
export function split(tokens) {
  const blocks = [];
  let depth = 0;
  for (const token of tokens) {
    if (depth === 0) blocks.push({ tokens: [], line: token.map[0] });
    blocks.at(-1).tokens.push(token);
    depth += token.nesting;
  }
  return blocks;
}

/** Where the line of that number begins. */
export function offset(text, line) {
  let place = 0;
  for (let number = 0; number < line; number += 1) place = text.indexOf("\n", place) + 1;
  return place;
}
