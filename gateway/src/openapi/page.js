"use strict";
// Draws openapi.json. Everything becomes text: nothing of the document is ever read as HTML.

const METHODS = ["get", "post", "put", "patch", "delete"];

/** An element with attributes and children; strings become text. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** A paragraph for each block of a text, with `code` in it. */
function prose(text) {
  return (text || "").split("\n\n").filter(Boolean).map((block) =>
    make("p", null, block.split("`").map((part, i) => (i % 2 ? make("code", null, part) : part))));
}

/** What stands at a `#/…` reference. */
function resolve(api, thing) {
  if (!thing || !thing.$ref) return thing;
  return thing.$ref.slice(2).split("/").reduce((at, key) => at && at[key.replace(/~1/g, "/").replace(/~0/g, "~")], api);
}

const nameOf = (schema) => (schema.$ref ? schema.$ref.split("/").pop() : null);

/** A schema's type in a few words. */
function typeOf(schema) {
  if (!schema) return "any";
  if (schema.$ref) return nameOf(schema);
  const either = schema.oneOf || schema.anyOf;
  if (either) return either.map(typeOf).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  if (schema.type === "object" && schema.additionalProperties) return `map to ${typeOf(schema.additionalProperties)}`;
  const type = Array.isArray(schema.type) ? schema.type.join(" or ") : schema.type || "any";
  return schema.format ? `${type} (${schema.format})` : type;
}

/** The bounds of a value. */
function boundsOf(schema) {
  const words = { minimum: "≥", maximum: "≤", minLength: "characters ≥", maxLength: "characters ≤", minItems: "items ≥", maxItems: "items ≤", pattern: "matches" };
  return Object.entries(words).filter(([key]) => schema[key] !== undefined).map(([key, word]) => `${word} ${schema[key]}`).join(", ");
}

/** The parts of a schema that have parts of their own. */
function within(schema) {
  if (!schema) return [];
  if (schema.$ref) return [schema];
  if (schema.type === "array") return within(schema.items);
  if (schema.oneOf || schema.anyOf) return (schema.oneOf || schema.anyOf).flatMap(within);
  return schema.properties ? [schema] : schema.additionalProperties ? within(schema.additionalProperties) : [];
}

/** A line for each property; what has parts of its own opens on demand. */
function drawSchema(api, schema, seen = []) {
  const whole = resolve(api, schema) || {};
  const inner = whole.properties ? whole : null;
  const box = make("div", { class: "schema" }, prose(whole.description));
  if (!inner) {
    const words = [typeOf(whole), boundsOf(whole)].filter(Boolean).join(", ");
    box.append(make("p", { class: "type" }, words), ...opened(api, whole.oneOf || whole.type === "array" ? whole : null, seen));
    return box;
  }
  const list = make("dl");
  for (const [name, property] of Object.entries(inner.properties)) {
    const required = (inner.required || []).includes(name);
    const described = property.description || (property.oneOf || []).map((one) => one.description).find(Boolean);
    const words = [typeOf(property), boundsOf(property)].filter(Boolean).join(", ");
    list.append(
      make("dt", null, name, required ? make("span", { class: "required" }, " required") : null),
      make("dd", null, make("span", { class: "type" }, words), prose(described), opened(api, property, seen)));
  }
  box.append(list);
  return box;
}

/** The parts of a schema behind a click, each drawn when it is first opened. */
function opened(api, schema, seen) {
  return within(schema).filter((part) => part.$ref ? !seen.includes(part.$ref) : true).map((part) => {
    const details = make("details", null, make("summary", null, nameOf(part) || "its fields"));
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) details.append(drawSchema(api, part, [...seen, part.$ref]));
    });
    return details;
  });
}

/** An example of a body: its own, or that of its schema; of a list, that of one item. */
function exampleOf(api, media) {
  if (media.example !== undefined) return media.example;
  const schema = resolve(api, media.schema) || {};
  if (schema.examples && schema.examples.length) return schema.examples[0];
  const items = schema.properties && schema.properties.items;
  const item = items && items.type === "array" && exampleOf(api, { schema: items.items });
  return item === undefined || item === null || item === false ? undefined : { items: [item] };
}

const written = (example) => (typeof example === "string" ? example : JSON.stringify(example, null, 2));

/** The bodies of a request or an answer, one for each media type. */
function drawContent(api, content) {
  return Object.entries(content || {}).flatMap(([type, media]) => {
    const example = exampleOf(api, media);
    return [
      make("p", { class: "type" }, type),
      ...(media.schema ? opened(api, within(media.schema).length ? media.schema : null, []) : []),
      ...(example === undefined ? [] : [make("pre", null, written(example))]),
    ];
  });
}

/** A line for a shell that makes the request. */
function curl(api, method, path, operation) {
  const parts = [`curl -X ${method.toUpperCase()} '${location.origin}${path}'`];
  if (operation.security) parts.push(`-H "authorization: Bearer $POSTHASTE_KEY"`);
  const body = resolve(api, operation.requestBody);
  if (body) {
    const [type, media] = Object.entries(body.content)[0];
    const example = exampleOf(api, media);
    parts.push(`-H 'content-type: ${type === "*/*" ? "application/octet-stream" : type}'`);
    const text = example === undefined ? "" : typeof example === "string" ? example : JSON.stringify(example);
    parts.push(`--data-binary '${text.replace(/'/g, `'\\''`)}'`);
  }
  return make("pre", null, parts.join(" \\\n  "));
}

function drawOperation(api, path, method, operation) {
  const parameters = (operation.parameters || []).map((parameter) => resolve(api, parameter));
  const body = resolve(api, operation.requestBody);
  const list = make("dl");
  for (const parameter of parameters) {
    const schema = parameter.schema || {};
    const words = [`in ${parameter.in}`, typeOf(schema), boundsOf(schema)].filter(Boolean).join(", ");
    list.append(
      make("dt", null, parameter.name, parameter.required ? make("span", { class: "required" }, " required") : null),
      make("dd", null, make("span", { class: "type" }, words), prose(parameter.description)));
  }
  const answers = make("dl");
  for (const [status, given] of Object.entries(operation.responses)) {
    const answer = resolve(api, given);
    const headers = Object.keys(answer.headers || {});
    answers.append(make("dt", null, status), make("dd", null,
      prose(answer.description),
      headers.length ? make("p", { class: "type" }, `headers: ${headers.join(", ")}`) : null,
      status < "400" ? drawContent(api, answer.content) : null));
  }
  return make("article", { id: operation.operationId },
    make("h3", null, make("span", { class: `method ${method}` }, method), " ", make("code", null, path)),
    make("p", null, make("strong", null, operation.summary || "")),
    prose(operation.description),
    parameters.length ? [make("h4", null, "Parameters"), list] : null,
    body ? [make("h4", null, body.required ? "Body" : "Body, if any"), prose(body.description), drawContent(api, body.content)] : null,
    make("h4", null, "Answers"), answers,
    make("h4", null, "Example"), curl(api, method, path, operation));
}

function draw(api) {
  const main = document.getElementById("main");
  const index = document.getElementById("index");
  main.replaceChildren(make("h1", null, `${api.info.title} ${api.info.version}`), ...prose(api.info.description));
  index.replaceChildren();
  for (const tag of api.tags) {
    main.append(make("h2", null, tag.name), ...prose(tag.description));
    const group = make("section", null, make("h2", null, tag.name));
    for (const [path, item] of Object.entries(api.paths)) {
      for (const method of METHODS) {
        const operation = item[method];
        if (!operation || !operation.tags.includes(tag.name)) continue;
        main.append(drawOperation(api, path, method, operation));
        group.append(make("a", { href: `#${operation.operationId}`, title: path },
          make("span", { class: `method ${method}` }, method), operation.summary));
      }
    }
    index.append(group);
  }
  // The part that the address names came only now.
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named) named.scrollIntoView();
}

/** Leaves only what has the words in its method, path or summary. */
function filter(words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  for (const link of document.querySelectorAll("#index a")) {
    const text = `${link.textContent} ${link.title}`.toLowerCase();
    const hidden = !wanted.every((word) => text.includes(word));
    link.hidden = hidden;
    document.getElementById(link.hash.slice(1)).hidden = hidden;
  }
}

document.getElementById("filter").addEventListener("input", (event) => filter(event.target.value));
fetch("openapi.json")
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`it was answered ${answer.status}`))))
  .then(draw)
  .catch((error) => document.getElementById("main").replaceChildren(make("p", null, `openapi.json cannot be shown: ${error.message}`)));
