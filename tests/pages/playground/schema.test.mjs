import assert from "node:assert/strict";
import { test } from "node:test";

import { schemaFault, toolNames, toolsFault } from "./playground/schema.js";

const tool = (name, parameters) => ({ type: "function", function: { name, parameters } });

test("tools that are right have no fault", () => {
  const tools = [
    tool("add", { type: "object", properties: { a: { type: "integer" }, b: true }, required: ["a"] }),
    tool("sub"),
  ];
  assert.equal(toolsFault(tools), null);
  assert.deepEqual(toolNames(tools), ["add", "sub"]);
  assert.deepEqual(toolNames({ a: 1 }), []);
});

test("a fault is named by its path", () => {
  const wrong = [
    [{}, "tools must be an array."],
    [[1], "tools.0 must be an object."],
    [[{ type: "web" }], 'tools.0.type must be "function".'],
    [[{ type: "function" }], "tools.0.function must be an object."],
    [[tool("a b")], "tools.0.function.name must be 1 to 64 letters, digits, underscores or hyphens."],
    [[tool("a"), tool("a")], "tools.1.function.name must be a name that no other tool has."],
    [[tool("a", [])], "tools.0.function.parameters must be an object."],
    [
      [tool("a", { properties: { b: { type: "int" } } })],
      'tools.0.function.parameters.properties.b.type must be one of object, array, string, number, integer, boolean, null, not "int".',
    ],
  ];
  for (const [tools, message] of wrong) assert.equal(toolsFault(tools), message);
});

test("schemas are looked through to the bottom", () => {
  assert.equal(schemaFault({ type: ["string", "null"], enum: ["a", null] }), null);
  assert.equal(schemaFault({ required: "a" }), "schema.required must be an array of names.");
  assert.equal(schemaFault({ enum: "a" }), "schema.enum must be an array.");
  assert.equal(schemaFault({ properties: [] }), "schema.properties must be an object.");
  assert.equal(schemaFault({ anyOf: {} }), "schema.anyOf must be an array of schemas.");
  assert.equal(schemaFault({ anyOf: [{}, { items: 1 }] }), "schema.anyOf.1.items must be an object.");
  assert.equal(schemaFault(true), "schema must be an object.");
});
