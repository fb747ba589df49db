/** The inputs of fields that are more than one word: JSON, tools, tool_choice, response_format, stop. Shaped as in `inputs.js`. */

import { button, h } from "./dom.js";
import { parse, stringify } from "./json.js";
import { schemaFault, schemaNameFault, toolNames, toolsFault } from "./schema.js";

const ROWS = 4;
const EXAMPLE_SCHEMA = {
  type: "object",
  properties: { sum: { type: "integer", minimum: 0, maximum: 1998 } },
  required: ["sum"],
};
const EXAMPLE_TOOLS = [
  {
    type: "function",
    function: {
      name: "add",
      description: "adds two numbers",
      parameters: {
        type: "object",
        properties: { a: { type: "integer", minimum: 0, maximum: 999 }, b: { type: "integer", minimum: 0, maximum: 999 } },
        required: ["a", "b"],
        additionalProperties: false,
      },
    },
  },
];

/** Text that must be JSON. `check` finds what else is wrong with the value; `examples` are offered while it is empty. */
export function json(field, id, { check = () => null, example = field.examples?.[0], rows = ROWS } = {}) {
  const main = h("textarea", {
    id,
    class: "input pg-json",
    rows: String(rows),
    spellcheck: "false",
    autocapitalize: "off",
    placeholder: "not set",
  });
  const write = (value) => {
    main.value = stringify(value, 2);
    main.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const read = () => (main.value.trim() ? parse(main.value) : undefined);
  const tidy = button("Tidy", () => write(read()), { disabled: true });
  const sample = example && button("Insert an example", () => write(example));
  const follow = () => {
    tidy.disabled = syntaxFault(main.value) !== null || !main.value.trim();
    if (sample) sample.hidden = main.value.trim() !== "";
  };
  main.addEventListener("input", follow);
  return {
    element: h("div", { class: "pg-editor" }, main, h("div", { class: "pg-editor-tools" }, sample, tidy)),
    main,
    state: () => main.value,
    restore: (state) => {
      main.value = state;
      follow();
    },
    value: read,
    blocked: () => syntaxFault(main.value),
    fault: () => syntaxFault(main.value) ?? (main.value.trim() ? check(read()) : null),
    start: (value) => stringify(value),
  };
}

function syntaxFault(text) {
  try {
    if (text.trim()) parse(text);
    return null;
  } catch (error) {
    return error.message;
  }
}

/** A JSON editor that says which functions it has found. */
export function tools(field, id) {
  return json(field, id, { check: toolsFault, example: EXAMPLE_TOOLS, rows: 6 });
}

/** The functions of the tools editor by name, as far as it can be read. */
export function namesIn(editor) {
  return editor.blocked() ? [] : toolNames(editor.value());
}

const CHOICES = ["none", "auto", "required"];

/** none, auto, required, or one of the functions, which `offer` tells whenever they change. */
export function toolChoice(field, id) {
  const main = h("select", { id, class: "input" });
  const offer = (names) => {
    const chosen = main.value;
    const wanted = chosen.startsWith("function ") ? chosen.slice(9) : null;
    const functions = [...new Set([...names, ...(wanted ? [wanted] : [])])];
    const option = (value, label) => h("option", { value }, label);
    main.replaceChildren(
      option("", "not set"),
      ...CHOICES.map((word) => option(word, word)),
      ...functions.map((name) => option(`function ${name}`, `the function ${name}`)),
    );
    main.value = chosen;
  };
  offer([]);
  return {
    element: main,
    main,
    offer,
    state: () => main.value,
    restore: (state) => {
      if (state.startsWith("function ")) offer([state.slice(9)]);
      main.value = state;
    },
    value: () => {
      if (!main.value.startsWith("function ")) return main.value || undefined;
      return { type: "function", function: { name: main.value.slice(9) } };
    },
    fault: () => null,
  };
}

/** The kinds of response_format, with an editor for the one that has a schema and an input for a regex. */
export function format(field, id) {
  const main = h(
    "select",
    { id, class: "input" },
    ...["", "text", "json_object", "json_schema", "regex"].map((kind) => h("option", { value: kind }, kind || "not set")),
  );
  const name = h("input", { id: `${id}-name`, class: "input", value: "answer", autocomplete: "off", spellcheck: "false" });
  const schema = json(field, `${id}-schema`, { check: schemaFault, example: EXAMPLE_SCHEMA, rows: 6 });
  const regex = h("input", {
    id: `${id}-regex`,
    class: "input pg-mono",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "[0-9]+",
  });
  const named = (label, input) => h("label", { class: "pg-part" }, h("span", {}, label), input);
  const schemaPart = h(
    "div",
    {},
    named("name", name),
    h("label", { class: "pg-part-label", for: schema.main.id }, "schema"),
    schema.element,
  );
  const regexPart = named("regex", regex);
  const follow = () => {
    schemaPart.hidden = main.value !== "json_schema";
    regexPart.hidden = main.value !== "regex";
  };
  main.addEventListener("input", follow);
  follow();
  const hasSchema = () => main.value === "json_schema";
  return {
    element: h("div", { class: "pg-editor" }, main, schemaPart, regexPart),
    main,
    state: () => ({ kind: main.value, name: name.value, schema: schema.state(), regex: regex.value }),
    restore: (state) => {
      main.value = state.kind;
      name.value = state.name;
      schema.restore(state.schema);
      regex.value = state.regex;
      follow();
    },
    value: () => {
      if (hasSchema()) return { type: main.value, json_schema: { name: name.value, schema: schema.value() } };
      return main.value ? { type: main.value, ...(main.value === "regex" && { regex: regex.value }) } : undefined;
    },
    blocked: () => (hasSchema() ? schema.blocked() : null),
    fault: () => (hasSchema() ? (schemaNameFault(name.value) ?? schema.fault()) : null),
  };
}

/** A list of texts, each a chip that can be taken away. `\n` and the like are read as JSON reads them. */
export function lines(field, id) {
  let items = [];
  const main = h("input", {
    id,
    class: "input",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "type one, then Enter",
  });
  const list = h("ul", { class: "pg-chips", "aria-label": `${field.name}, so far` });
  const notify = () => list.dispatchEvent(new Event("input", { bubbles: true }));
  const show = () => list.replaceChildren(...items.map((item, index) => chip(item, () => remove(index))));
  const remove = (index) => {
    items = items.filter((_, place) => place !== index);
    show();
    notify();
    main.focus();
  };
  const keep = () => {
    if (main.value === "") return;
    items = [...items, unescaped(main.value)];
    main.value = "";
    show();
    notify();
  };
  main.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      keep();
    } else if (event.key === "Backspace" && main.value === "" && items.length) {
      remove(items.length - 1);
    }
  });
  main.addEventListener("change", keep);
  return {
    element: h("div", { class: "pg-editor" }, list, main),
    main,
    state: () => items,
    restore: (state) => {
      items = state;
      show();
    },
    value: () => (items.length ? items : undefined),
    fault: () => null,
  };
}

function chip(item, remove) {
  const shown = JSON.stringify(item).slice(1, -1);
  return h(
    "li",
    {},
    h("code", {}, shown),
    h("button", { type: "button", "aria-label": `Remove ${shown}`, onclick: remove }, "×"),
  );
}

function unescaped(typed) {
  try {
    return JSON.parse(`"${typed.replaceAll('"', '\\"')}"`);
  } catch {
    return typed;
  }
}
