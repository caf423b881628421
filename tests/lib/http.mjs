// A small HTTP client that hands back everything: {status, headers, body (text), json, data, error}.
// It repeats nothing and hides nothing; a connection that ends without an answer is a rejected promise.
import assert from "node:assert/strict";
import { Agent, request as httpRequest } from "node:http";

export const kPrefix = "/api/v1";
const kDeadlineMs = 20_000;

const agent = new Agent({ keepAlive: true, maxSockets: 64 });
agent.setMaxListeners(0);

// `body` is sent as it is if a string or Buffer, as JSON otherwise; nothing if undefined.
export function request(url, method, { body, headers = {}, token, deadline = kDeadlineMs, keepAlive = true } = {}) {
  const content = body === undefined || typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const all = { ...headers };
  if (token !== undefined) all.authorization ??= `Bearer ${token}`;
  if (content !== undefined) {
    all["content-type"] ??= "application/json";
    all["content-length"] = Buffer.byteLength(content);
  }
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method, headers: all, agent: keepAlive ? agent : false }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () => resolve(answer(method, url, response, Buffer.concat(chunks))));
    });
    sent.setTimeout(deadline, () => sent.destroy(new Error(`${method} ${url}: no answer within ${deadline} ms`)));
    sent.once("error", reject);
    sent.end(content);
  });
}

function answer(method, url, response, bytes) {
  const body = bytes.toString("utf8");
  let json;
  try {
    json = JSON.parse(body);
  } catch {
    json = undefined;
  }
  return { call: `${method} ${url}`, status: response.statusCode, headers: response.headers, bytes, body, json, data: json?.data, error: json?.error };
}

const brief = (response) => `${response.call} → ${response.status} ${response.body.slice(0, 400)}`;

// The data of a success; fails on anything else. `status` may be one or several.
export function ok(response, status = [200, 201]) {
  assert.ok([status].flat().includes(response.status), brief(response));
  assert.equal(response.json?.status, "success", brief(response));
  assert.ok("data" in response.json, brief(response));
  return response.data;
}

// The error of a refusal with one of `status`, and with the agreed shape.
export function refused(response, status, code) {
  assert.ok([status].flat().includes(response.status), `expected ${status}: ${brief(response)}`);
  assert.equal(response.json?.status, "error", brief(response));
  assert.equal(typeof response.error?.code, "string", brief(response));
  assert.equal(typeof response.error?.message, "string", brief(response));
  assert.ok(!("data" in response.json), brief(response));
  if (code) assert.equal(response.error.code, code, brief(response));
  return response.error;
}

export class Api {
  constructor(server, token) {
    this.server = server;
    this.token = token;
  }

  call(method, path, body, options = {}) {
    return request(`${this.server.url}${kPrefix}${path}`, method, { token: this.token, body, ...options });
  }

  get(path, options) {
    return this.call("GET", path, undefined, options);
  }

  post(path, body, options) {
    return this.call("POST", path, body, options);
  }

  put(path, body, options) {
    return this.call("PUT", path, body, options);
  }

  patch(path, body, options) {
    return this.call("PATCH", path, body, options);
  }

  delete(path, options) {
    return this.call("DELETE", path, undefined, options);
  }
}

// The elements of a list, whether it comes bare or inside an object beside `next`.
export function listOf(data) {
  if (Array.isArray(data)) return data;
  const lists = Object.values(data ?? {}).filter(Array.isArray);
  assert.equal(lists.length, 1, `not a list: ${JSON.stringify(data)?.slice(0, 300)}`);
  return lists[0];
}

// All elements of a paged list.
export async function wholeList(api, path, limit) {
  const all = [];
  let cursor = null;
  for (let page = 0; page < 1_000; page++) {
    const query = new URLSearchParams({ ...(limit ? { limit } : {}), ...(cursor === null ? {} : { cursor }) });
    const answer = await api.get(`${path}${path.includes("?") ? "&" : "?"}${query}`);
    const items = listOf(ok(answer));
    if (limit) assert.ok(items.length <= limit, `${path}: ${items.length} elements with limit=${limit}`);
    all.push(...items);
    cursor = answer.json.next ?? answer.data.next ?? null;
    if (cursor === null) return all;
    assert.ok(items.length > 0, `${path}: an empty page with a next one`);
  }
  throw new Error(`${path}: the list does not end`);
}
