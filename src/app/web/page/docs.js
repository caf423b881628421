// Lists the calls of /openapi.json.
const main = document.getElementById("calls");

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

const json = (value) => element("pre", "", JSON.stringify(value, null, 2));

try {
  const api = await (await fetch("/openapi.json")).json();
  const resolve = (value) => (value?.$ref ? value.$ref.slice(2).split("/").reduce((at, key) => at[key], api) : value);
  main.append(element("p", "", api.info.description));
  for (const tag of api.tags) {
    main.append(element("h2", "", tag.name));
    for (const [path, item] of Object.entries(api.paths)) {
      for (const method of ["get", "post", "put", "patch", "delete"]) {
        const call = item[method];
        if (!call || call.tags[0] !== tag.name) continue;
        const details = element("details", "", element("summary", "",
          element("code", "method", method.toUpperCase()), element("code", "", path), ` — ${call.summary}`));
        if (call.description) details.append(element("p", "", call.description));
        const list = element("ul", "");
        for (const parameter of [...(item.parameters ?? []), ...(call.parameters ?? [])].map(resolve)) {
          list.append(element("li", "", element("code", "", parameter.name), ` (${parameter.in}) ${parameter.description ?? ""}`));
        }
        details.append(list);
        const body = resolve(resolve(call.requestBody)?.content?.["application/json"]?.schema);
        if (body) details.append("Body", json(body.properties ?? body));
        for (const [status, answer] of Object.entries(call.responses)) {
          details.append(element("p", "", element("code", "", status), ` ${resolve(answer).description}`));
        }
        main.append(details);
      }
    }
  }
  main.append(element("h2", "", "Shapes"));
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    main.append(element("details", "", element("summary", "", element("code", "", name)), json(schema)));
  }
} catch (error) {
  document.getElementById("status").textContent = `the document could not be read: ${error.message}`;
}
