// Draws /api/openapi.json as a list of routes. Text goes in as text only.
const element = (name, text, ...children) => {
  const node = document.createElement(name);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
};

const resolve = (document, schema) => {
  const seen = new Set();
  const walk = (node) => {
    if (Array.isArray(node)) return node.map(walk);
    if (!node || typeof node !== "object") return node;
    if (node.$ref) {
      const name = node.$ref.split("/").pop();
      if (seen.has(name)) return name;
      seen.add(name);
      const result = walk(document.components.schemas[name]);
      seen.delete(name);
      return result;
    }
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, walk(value)]));
  };
  return walk(schema);
};

const shapes = (document, title, content) =>
  Object.entries(content ?? {}).flatMap(([kind, { schema }]) => [
    element("p", `${title} (${kind})`),
    element("pre", JSON.stringify(resolve(document, schema), null, 2)),
  ]);

const draw = (document_) => {
  document.getElementById("about").textContent = document_.info.description;
  const groups = new Map();
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, route] of Object.entries(methods)) {
      const tag = route.tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, []);
      const box = element("details");
      box.append(element("summary", "", element("b", method.toUpperCase()), element("code", path), ` ${route.summary ?? ""}`));
      if (route.description) box.append(element("p", route.description));
      for (const parameter of route.parameters ?? []) {
        box.append(element("p", `${parameter.in}: ${parameter.name}${parameter.required ? " (required)" : ""} ${parameter.description ?? ""}`));
      }
      box.append(...shapes(document_, "request", route.requestBody?.content));
      for (const [status, answer] of Object.entries(route.responses ?? {})) {
        box.append(element("p", `${status} ${answer.description}`), ...shapes(document_, "answer", answer.content));
      }
      groups.get(tag).push(box);
    }
  }
  const target = document.getElementById("routes");
  for (const [tag, boxes] of groups) target.append(element("h2", tag), ...boxes);
};

fetch("/api/openapi.json").then((answer) => answer.json()).then(draw);
