// What lies between a client and the server: TLS, proxies, other origins, slow and silent connections.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import https from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { connect as tlsConnect } from "node:tls";
import { Api, ok, refused, request } from "../lib/http.mjs";
import { mint } from "../lib/jwt.mjs";
import { people, unique } from "../lib/people.mjs";
import { freePort, temporaryFolder } from "../lib/server.mjs";
import { Client } from "../lib/socket.mjs";
import { sharedServer, test, withServer } from "../lib/testing.mjs";
import { eventually, within } from "../support/deadline.mjs";

const server = await sharedServer();

// A certificate of its own making: {certificate, key}, the paths of PEM files.
function selfSigned(folder, name) {
  const [certificate, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", `/CN=${name}`, "-keyout", key, "-out", certificate], { stdio: "ignore" });
  return { certificate, key };
}

test("TLS, and a new certificate without a restart", async () => {
  const folder = temporaryFolder();
  const [first, second] = [selfSigned(folder, "first"), selfSigned(folder, "second")];
  const live = { certificate: join(folder, "live.crt"), key: join(folder, "live.key") };
  const install = (from) => ["certificate", "key"].forEach((part) => copyFileSync(from[part], live[part]));
  install(first);
  await withServer({ scheme: "https", env: { TIDINGS_TLS_CERTIFICATE: live.certificate, TIDINGS_TLS_KEY: live.key } }, async (own) => {
    const shown = () => new Promise((resolve, reject) => {
      const socket = tlsConnect({ host: "127.0.0.1", port: own.port, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().subject.CN);
        socket.destroy();
      });
      socket.once("error", reject);
    });
    assert.equal(await shown(), "first");
    const me = await new Promise((resolve, reject) => {
      https.get(`${own.url}/api/v1/me`, { rejectUnauthorized: false, agent: false, headers: { authorization: `Bearer ${mint("ann")}` } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).once("error", reject);
    });
    assert.equal(me, 200);
    const clients = [];
    for (const transports of [["websocket"], ["polling"]]) {
      const client = new Client(own, { token: mint("ann"), transports, rejectUnauthorized: false });
      await client.connected();
      clients.push(client);
    }
    install(second);
    await eventually("the new certificate", async () => (await shown()) === "second", 30_000, 200);
    for (const client of clients) {
      assert.equal((await client.ask("presence:watch", { userIds: [] })).status, "success");
      assert.equal(client.connections, 1, "open connections stay");
    }
    // Plain HTTP on the TLS port gets nothing.
    await assert.rejects(request(`http://127.0.0.1:${own.port}/healthz`, "GET", { keepAlive: false, deadline: 15_000 }).then(({ status }) => assert.equal(status, 200)));
  });
});

const kTight = { TIDINGS_RATE_LIMITS: "on", TIDINGS_LIMITS_ADDRESS_REQUESTS: "1/s burst 30" };

async function spend(api, headers) {
  for (let i = 0; i < 60; i++) if ((await api.get("/me", { headers })).status === 429) return true;
  return false;
}

test("many greetings of TLS behind PROXY headers, each longer than a piece of a gathered read", async () => {
  const { certificate, key } = selfSigned(temporaryFolder(), "both");
  const env = { TIDINGS_TLS_CERTIFICATE: certificate, TIDINGS_TLS_KEY: key, TIDINGS_TRUSTED_PROXIES: "127.0.0.1", TIDINGS_PROXY_PROTOCOL: "on" };
  // Many names make the greeting long.
  const ALPNProtocols = ["http/1.1", ...Array.from({ length: 40 }, (_, i) => `${"x".repeat(200)}${i}`)];
  const greet = (port) => new Promise((resolve, reject) => {
    const plain = connect(port, "127.0.0.1");
    plain.on("error", reject);
    plain.write("PROXY TCP4 192.0.2.1 127.0.0.1 4000 80\r\n");
    const secure = tlsConnect({ socket: plain, rejectUnauthorized: false, ALPNProtocols }, () => secure.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"));
    secure.once("data", (data) => {
      resolve(data.toString().split("\r\n")[0]);
      plain.destroy();
    });
    secure.on("error", reject);
    secure.once("close", () => reject(new Error("the connection was closed")));
  });
  const probe = async (own) => (await greet(own.port)).startsWith("HTTP/1.1 200");
  await withServer({ scheme: "https", probe, env }, async (own) => {
    // All of them are there when it looks again.
    own.signal("SIGSTOP");
    const answers = Array.from({ length: 24 }, () => greet(own.port));
    Promise.allSettled(answers);
    const local = `:${own.port.toString(16).toUpperCase().padStart(4, "0")}`;
    const waits = (line) => line[1]?.endsWith(local) && parseInt(line[4].split(":")[1], 16) > 6_000;
    const queued = () => readFileSync("/proc/net/tcp", "utf8").split("\n").filter((line) => waits(line.trim().split(/\s+/))).length;
    await eventually("greetings that wait", () => queued() === 24);
    own.signal("SIGCONT");
    for (const answer of await within(Promise.all(answers), "the answers", 30_000)) assert.equal(answer, "HTTP/1.1 200 OK");
  });
});

test("X-Forwarded-For counts from a trusted proxy", async () => {
  await withServer({ env: { ...kTight, TIDINGS_TRUSTED_PROXIES: "127.0.0.1" } }, async (own) => {
    const api = new Api(own, mint("ann"));
    assert.ok(await spend(api, { "x-forwarded-for": "203.0.113.7" }), "an address has its limit");
    ok(await api.get("/me", { headers: { "x-forwarded-for": "203.0.113.8" } }));
    refused(await api.get("/me", { headers: { "x-forwarded-for": "203.0.113.99, 203.0.113.7" } }), 429);
  });
});

test("X-Forwarded-For from anybody else is not believed", async () => {
  await withServer({ env: kTight }, async (own) => {
    const api = new Api(own, mint("ann"));
    assert.ok(await spend(api, { "x-forwarded-for": "203.0.113.7" }));
    refused(await api.get("/me", { headers: { "x-forwarded-for": "203.0.113.8" } }), 429);
  });
});

// Sends bytes, resolves with all that came until the other side closed.
function exchange(port, bytes, ms = 20_000) {
  const socket = connect(port, "127.0.0.1");
  const got = [];
  const ended = new Promise((resolve) => {
    socket.on("data", (chunk) => got.push(chunk));
    socket.on("error", () => {});
    socket.on("close", () => resolve(Buffer.concat(got).toString()));
  });
  if (bytes) socket.write(bytes);
  return within(ended, "end of the connection", ms).finally(() => socket.destroy());
}

test("the PROXY protocol names the client", async () => {
  const get = (path, token = mint("ann")) => `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`;
  const from = (address) => `PROXY TCP4 ${address} 127.0.0.1 4000 80\r\n`;
  const probe = async (own) => (await exchange(own.port, from("203.0.113.1") + get("/readyz"))).startsWith("HTTP/1.1 200");
  await withServer({ probe, env: { ...kTight, TIDINGS_TRUSTED_PROXIES: "127.0.0.1", TIDINGS_PROXY_PROTOCOL: "on" } }, async (own) => {
    let limited = false;
    for (let i = 0; i < 60 && !limited; i++) limited = (await exchange(own.port, from("203.0.113.7") + get("/api/v1/me"))).startsWith("HTTP/1.1 429");
    assert.ok(limited);
    assert.match(await exchange(own.port, from("203.0.113.8") + get("/api/v1/me")), /^HTTP\/1.1 200/);
    const v2 = Buffer.concat([Buffer.from("0d0a0d0a000d0a515549540a2111000c", "hex"), Buffer.from([203, 0, 113, 9, 127, 0, 0, 1, 15, 160, 0, 80]), Buffer.from(get("/api/v1/me"))]);
    assert.match(await exchange(own.port, v2), /^HTTP\/1.1 200/);
    for (const bad of [get("/api/v1/me"), `PROXY TCP4 nonsense\r\n${get("/healthz")}`, `PROXY ${"x".repeat(500)}\r\n`, "PROXY\r\n"]) {
      assert.doesNotMatch(await exchange(own.port, bad), /^HTTP\/1.1 200/);
    }
  });
});

test("/metrics with a token, and at an address of its own", async () => {
  const port = await freePort();
  await withServer({ env: { TIDINGS_METRICS_TOKEN: "metrics-token-of-the-test" } }, async (own) => {
    assert.equal((await request(`${own.url}/metrics`, "GET")).status, 401);
    assert.equal((await request(`${own.url}/metrics`, "GET", { token: mint("ann", { scope: "admin" }) })).status, 401);
    assert.equal((await request(`${own.url}/metrics`, "GET", { token: "metrics-token-of-the-test" })).status, 200);
  });
  await withServer({ env: { TIDINGS_METRICS_LISTEN: `127.0.0.1:${port}` } }, async (own) => {
    assert.equal((await request(`http://127.0.0.1:${port}/metrics`, "GET")).status, 200);
    assert.equal((await request(`${own.url}/metrics`, "GET")).status, 404);
    assert.notEqual((await request(`http://127.0.0.1:${port}/api/v1/me`, "GET", { token: mint("ann") })).status, 200);
  });
});

test("other origins may call if they are named", async () => {
  await withServer({ env: { TIDINGS_CORS_ORIGINS: "https://app.example" } }, async (own) => {
    const ask = (method, path, origin, more = {}) => request(`${own.url}${path}`, method, { token: mint("ann"), headers: { origin, ...more } });
    const named = await ask("GET", "/api/v1/me", "https://app.example");
    assert.equal(named.headers["access-control-allow-origin"], "https://app.example");
    const other = await ask("GET", "/api/v1/me", "https://evil.example");
    assert.ok(![ "*", "https://evil.example"].includes(other.headers["access-control-allow-origin"]));
    const preflight = await request(`${own.url}/api/v1/rooms`, "OPTIONS", { headers: { origin: "https://app.example", "access-control-request-method": "PATCH", "access-control-request-headers": "authorization,content-type" } });
    assert.ok([200, 204].includes(preflight.status));
    assert.equal(preflight.headers["access-control-allow-origin"], "https://app.example");
    assert.match(preflight.headers["access-control-allow-methods"], /PATCH/);
    assert.match(preflight.headers["access-control-allow-headers"], /authorization/i);
    const polling = await ask("GET", "/socket.io/?EIO=4&transport=polling", "https://app.example");
    assert.equal(polling.status, 200);
    assert.equal(polling.headers["access-control-allow-origin"], "https://app.example");
  });
});

test("slow and silent connections are cut; others do not notice", async () => {
  const kCutMs = 20_000;
  const [ann] = people(server, "ann");
  const ends = [
    ...Array.from({ length: 50 }, () => exchange(server.port, "", kCutMs)),
    exchange(server.port, "GET /healthz HTTP/1.1\r\nHost:", kCutMs),
    exchange(server.port, "POST /api/v1/rooms HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", kCutMs),
  ];
  let open = true;
  const all = Promise.all(ends).finally(() => (open = false));
  let calls = 0;
  while (open) {
    const started = Date.now();
    ok(await ann.api.get("/me"));
    assert.ok(Date.now() - started < 2_000);
    calls++;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await all;
  assert.ok(calls > 10);
});

test("a socket that never names its namespace is closed", async () => {
  await withServer({ env: { TIDINGS_SOCKET_CONNECT_TIMEOUT: "500ms" } }, async (own) => {
    const open = await request(`${own.url}/socket.io/?EIO=4&transport=polling`, "GET");
    const { sid } = JSON.parse(open.body.slice(1));
    await eventually("the end of the session", async () => (await request(`${own.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, "GET")).status === 400, 10_000, 50);
    ok(await new Api(own, mint(unique("ann"))).get("/me"));
  });
});

test("the limit of connections from one address protects the others", async () => {
  await withServer({ env: { TIDINGS_LIMITS_CONNECTIONS_PER_ADDRESS: "40", TIDINGS_RATE_LIMITS: "on", TIDINGS_TRUSTED_PROXIES: "" } }, async (own) => {
    const sockets = Array.from({ length: 80 }, () => connect(own.port, "127.0.0.1"));
    let closed = 0;
    for (const socket of sockets) socket.on("close", () => closed++).on("error", () => {}).on("data", () => {});
    await eventually("the refusal of those above", () => closed >= 40);
    for (const socket of sockets) socket.destroy();
    await eventually("room again", async () => (await request(`${own.url}/healthz`, "GET", { keepAlive: false }).catch(() => null))?.status === 200);
  });
});
