/**
 * What can be said of tools and JSON Schemas while they are typed: their shape, by path and in a sentence. No DOM.
 *
 * It is a help, not the rule: the server compiles the schema and has the last word.
 */

const TYPES = ["object", "array", "string", "number", "integer", "boolean", "null"];
const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const NAME_RULE = "1 to 64 letters, digits, underscores or hyphens";

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const nameFault = (value, path) => (typeof value === "string" && NAME.test(value) ? null : `${path} must be ${NAME_RULE}.`);

/** The first fault of a list of tools, or null. */
export function toolsFault(tools) {
  if (!Array.isArray(tools)) return "tools must be an array.";
  const names = new Set();
  for (const [index, tool] of tools.entries()) {
    const path = `tools.${index}`;
    if (!isObject(tool)) return `${path} must be an object.`;
    if (tool.type !== "function") return `${path}.type must be "function".`;
    if (!isObject(tool.function)) return `${path}.function must be an object.`;
    const fault = nameFault(tool.function.name, `${path}.function.name`);
    if (fault) return fault;
    if (names.has(tool.function.name)) return `${path}.function.name must be a name that no other tool has.`;
    names.add(tool.function.name);
    const { parameters } = tool.function;
    const inside = parameters === undefined ? null : schemaFault(parameters, `${path}.function.parameters`);
    if (inside) return inside;
  }
  return null;
}

/** The names of functions in what may still be no list of tools. */
export function toolNames(tools) {
  return Array.isArray(tools) ? tools.map((tool) => tool?.function?.name).filter((name) => NAME.test(name ?? "")) : [];
}

export function schemaNameFault(name) {
  return nameFault(name, "name");
}

/** The first fault of a JSON Schema, or null. */
export function schemaFault(schema, path = "schema") {
  if (typeof schema === "boolean" && path.includes(".")) return null;
  if (!isObject(schema)) return `${path} must be an object.`;
  return typeFault(schema, path) ?? keysFault(schema, path) ?? innerFault(schema, path);
}

function typeFault({ type }, path) {
  const types = Array.isArray(type) ? type : type === undefined ? [] : [type];
  const wrong = types.find((word) => !TYPES.includes(word));
  return wrong === undefined ? null : `${path}.type must be one of ${TYPES.join(", ")}, not ${JSON.stringify(wrong)}.`;
}

function keysFault({ required, enum: words }, path) {
  if (required !== undefined && !(Array.isArray(required) && required.every((name) => typeof name === "string"))) {
    return `${path}.required must be an array of names.`;
  }
  return words === undefined || Array.isArray(words) ? null : `${path}.enum must be an array.`;
}

function innerFault(schema, path) {
  for (const key of ["properties", "$defs"]) {
    if (schema[key] === undefined) continue;
    if (!isObject(schema[key])) return `${path}.${key} must be an object.`;
    for (const [name, inner] of Object.entries(schema[key])) {
      const fault = schemaFault(inner, `${path}.${key}.${name}`);
      if (fault) return fault;
    }
  }
  for (const key of ["anyOf", "oneOf", "allOf", "prefixItems"]) {
    if (schema[key] === undefined) continue;
    if (!Array.isArray(schema[key])) return `${path}.${key} must be an array of schemas.`;
    for (const [index, inner] of schema[key].entries()) {
      const fault = schemaFault(inner, `${path}.${key}.${index}`);
      if (fault) return fault;
    }
  }
  return schema.items === undefined ? null : schemaFault(schema.items, `${path}.items`);
}
