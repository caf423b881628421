// What docs/asyncapi.yaml and docs/openapi.json say, as schemas that a payload fits or does not.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parse } from "yaml";

const read = (name) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
const asyncapi = parse(read("asyncapi.yaml"));
const openapi = JSON.parse(read("openapi.json"));

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema({ $id: "https://tidings/openapi.json", components: openapi.components });
ajv.addSchema({ $id: "https://tidings/asyncapi.yaml", components: asyncapi.components });

// [name of the event, its payload's schema] of a channel.
export function eventsOf(channel) {
  return Object.entries(asyncapi.channels[channel].messages).map(([name, { $ref }]) => [name, asyncapi.components.messages[$ref.split("/").at(-1)].payload]);
}

const validators = new Map();

export function assertFits(schema, payload, what) {
  if (!validators.has(schema)) {
    const id = `https://tidings/asyncapi.yaml#/components/messages/${Object.entries(asyncapi.components.messages).find(([, message]) => message.payload === schema)[0]}/payload`;
    validators.set(schema, ajv.getSchema(id));
  }
  const fits = validators.get(schema);
  assert.ok(fits(payload), `${what}: ${ajv.errorsText(fits.errors)}\n${JSON.stringify(payload)}`);
  const known = members(schema, asyncapi);
  for (const key of Object.keys(payload)) assert.ok(known.includes(key), `${what}: ${key} is not documented`);
}

// The names that a schema gives to an object's members, through parts and references.
function members(schema, root) {
  if (schema.$ref) {
    const [file, path] = schema.$ref.split("#/");
    const from = file === "openapi.json" ? openapi : root;
    return members(path.split("/").reduce((at, step) => at[step], from), from);
  }
  const parts = [...(schema.allOf ?? []), ...(schema.oneOf ?? [])];
  return [...Object.keys(schema.properties ?? {}), ...parts.flatMap((part) => members(part, root))];
}
