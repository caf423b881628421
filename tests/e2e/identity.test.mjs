// Who a caller is: tokens over HTTP and in the handshake, users on first sight, accounts of the server's own.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Api, listOf, ok, refused, request, wholeList } from "../lib/http.mjs";
import { keyPair, kSecret, mint, now, signed } from "../lib/jwt.mjs";
import { Person, people, unique } from "../lib/people.mjs";
import { temporaryFolder } from "../lib/server.mjs";
import { Client } from "../lib/socket.mjs";
import { sharedServer, test, withServer } from "../lib/testing.mjs";

const server = await sharedServer();
const me = (token, options) => new Api(server, token).get("/me", options);
const idOf = (user) => user._id ?? user.id ?? user.userId;

// The handshake with `token` ends in connect_error with the agreed data, and the client stays away.
async function handshakeRefused(target, token, what) {
  const client = new Client(target, { token });
  const error = await client.refused();
  assert.deepEqual(error.data, { code: "unauthorized" }, what);
  assert.ok(error.message.length > 0, what);
  assert.equal(client.connections, 0, what);
  client.close();
}

test("a token opens HTTP and the handshake", async () => {
  const [ann] = people(server, "ann");
  assert.equal(idOf(ok(await ann.api.get("/me"))), ann.id);
  const client = await ann.connect();
  assert.ok(client.socket.id);
});

test("no token, or none that is one, is 401", async () => {
  const url = `${server.url}/api/v1/me`;
  refused(await request(url, "GET"), 401, "unauthorized");
  for (const authorization of ["Bearer", "Bearer ", "Basic YTpi", mint("ann"), "Bearer a.b.c", `Bearer ${"x".repeat(5_000)}`, "Bearer ..", `Bearer ${mint("ann")}.x`]) {
    refused(await request(url, "GET", { headers: { authorization } }), 401, "unauthorized");
  }
  refused(await request(`${server.url}/api/v1/rooms`, "POST", { body: { name: "x", kind: "group" } }), 401);
  refused(await request(`${server.url}/api/v1/rooms/x/messages`, "POST", { body: { text: "x" } }), 401);
  for (const token of [undefined, null, 5, {}, ["a"], "", "a.b.c"]) await handshakeRefused(server, token, JSON.stringify(token));
});

const key = keyPair("RS256", "other");
const kBadTokens = {
  "another secret": mint("ann", {}, { secret: "x".repeat(64) }),
  "expired past the leeway": mint("ann", { exp: now() - 90 }),
  "no exp": mint("ann", { exp: undefined }),
  "exp as text": mint("ann", { exp: String(now() + 3600) }),
  "exp null": mint("ann", { exp: null }),
  "not yet valid": mint("ann", { nbf: now() + 600 }),
  "no sub": mint(undefined),
  "empty sub": mint(""),
  "sub a number": mint(5),
  "sub an object": mint({ $ne: null }),
  "sub null": mint(null),
  "alg none without a signature": signed({ alg: "none", typ: "JWT" }, { sub: "ann", exp: now() + 3600 }, () => ""),
  "alg None": signed({ alg: "None" }, { sub: "ann", exp: now() + 3600 }, () => ""),
  "alg none with an HMAC": mint("ann", {}, { header: { alg: "none" } }),
  "alg HS512": signed({ alg: "HS512" }, { sub: "ann", exp: now() + 3600 }, (input) => createHmac("sha512", kSecret).update(input).digest()),
  "alg missing": mint("ann", {}, { header: { alg: undefined } }),
  "RS256 with a key of its own": key.mint("ann"),
  "jwk in the header": signed({ alg: "RS256", jwk: key.jwk }, { sub: "ann", exp: now() + 3600 }, () => "xx"),
  "signature cut": mint("ann").slice(0, -4),
  "signature missing": mint("ann").split(".").slice(0, 2).join("."),
  "claims changed": (() => {
    const [head, , signature] = mint("ann").split(".");
    return [head, mint("bob").split(".")[1], signature].join(".");
  })(),
  "claims an array": signed({ alg: "HS256" }, ["ann"], (input) => createHmac("sha256", kSecret).update(input).digest()),
};

for (const [what, token] of Object.entries(kBadTokens)) {
  test(`a bad token is 401: ${what}`, async () => {
    refused(await me(token), 401, "unauthorized");
    await handshakeRefused(server, token, what);
  });
}

test("60 s of leeway", async () => {
  ok(await me(mint(unique("ann"), { exp: now() - 40 })));
  ok(await me(mint(unique("ann"), { nbf: now() + 40 })));
  refused(await me(mint(unique("ann"), { exp: now() - 75 })), 401);
  refused(await me(mint(unique("ann"), { nbf: now() + 75 })), 401);
});

test("an unknown sub with a valid signature is provisioned on first sight", async () => {
  const [ann, bob, zoe] = people(server, "ann", "bob", "zoe");
  const named = new Person(server, zoe.id, { name: "Zoë 🦊" });
  const mine = ok(await named.api.get("/me"));
  assert.equal(mine.name, "Zoë 🦊");
  const seen = ok(await ann.api.get(`/users/${zoe.id}`));
  assert.equal(idOf(seen), zoe.id);
  assert.equal(seen.name, "Zoë 🦊");
  await bob.connect();
  assert.equal(idOf(ok(await ann.api.get(`/users/${bob.id}`))), bob.id, "by a handshake too");
  refused(await ann.api.get(`/users/${unique("nobody")}`), 404, "not_found");
});

test("users are found by q and listed in pages", async () => {
  const tag = unique("tag");
  const [ann] = people(server, "ann");
  const crowd = Array.from({ length: 7 }, (_, i) => new Person(server, `${tag}-${i}`, { name: `${tag} no ${i}` }));
  for (const one of crowd) ok(await one.api.get("/me"));
  const found = await wholeList(ann.api, `/users?q=${tag}`, 3);
  assert.deepEqual(found.map(idOf).sort(), crowd.map(({ id }) => id).sort());
  assert.deepEqual(listOf(ok(await ann.api.get(`/users?q=${unique("none")}`))), []);
});

test("a name in a newer token does not take another user's place", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  ok(await ann.api.get("/me"));
  ok(await new Person(server, bob.id, { name: ann.id }).api.get("/me"));
  assert.equal(idOf(ok(await ann.api.get("/me"))), ann.id);
});

test("accounts: register, log in, and what is refused", async () => {
  await withServer({ env: { TIDINGS_JWT_SECRET: undefined } }, async (own) => {
    const url = `${own.url}/api/v1/auth`;
    const post = (path, body) => request(`${url}/${path}`, "POST", { body });
    const first = ok(await post("register", { username: "ann", password: "correct horse battery" }));
    assert.deepEqual(Object.keys(first).sort(), ["token", "user"]);
    assert.ok(!JSON.stringify(first.user).includes("horse"), "no password in the answer");
    assert.ok(!JSON.stringify(first).includes("argon2"), "no hash in the answer");
    const mine = ok(await new Api(own, first.token).get("/me"));
    assert.equal(idOf(mine), idOf(first.user));
    assert.notEqual(idOf(mine), "ann", "ids are made by the server");

    const again = ok(await post("login", { username: "ann", password: "correct horse battery" }));
    assert.equal(idOf(again.user), idOf(first.user));
    ok(await new Api(own, again.token).get("/me"));
    const client = await Client.connect(own, { token: again.token });
    client.close();

    refused(await post("register", { username: "ann", password: "another password" }), 409);
    refused(await post("login", { username: "ann", password: "wrong password" }), 401);
    refused(await post("login", { username: "nobody", password: "wrong password" }), 401);
    for (const body of [{}, { username: "bob" }, { username: "", password: "long enough here" }, { username: 5, password: "long enough here" }, { username: "bob", password: 5 }, { username: ["bob"], password: "long enough here" }, { username: "bob", password: "" }, { username: "bo\u0000b", password: "long enough here" }, { username: "x".repeat(5_000), password: "long enough here" }, [], "x"]) {
      refused(await post("register", body), [400, 422]);
    }
    for (const body of [{}, { username: "ann" }, { username: { $ne: "" }, password: { $ne: "" } }, { username: "ann", password: ["correct horse battery"] }, []]) {
      refused(await post("login", body), [400, 401, 422]);
    }

    // The secret is in the data folder, for the owner alone.
    const secrets = readdirSync(own.dir).filter((name) => {
      const file = statSync(join(own.dir, name));
      return file.isFile() && (file.mode & 0o777) === 0o600;
    });
    assert.ok(secrets.length > 0, `no file of mode 0600 among ${readdirSync(own.dir)}`);

    await own.restart();
    ok(await new Api(own, again.token).get("/me"), 200, "a token outlives a restart");
    ok(await post("login", { username: "ann", password: "correct horse battery" }));
  });
});

test("a password is nowhere in the data folder", async () => {
  await withServer({ env: { TIDINGS_JWT_SECRET: undefined } }, async (own) => {
    const password = unique("plain-password");
    ok(await request(`${own.url}/api/v1/auth/register`, "POST", { body: { username: "ann", password } }));
    await own.stop();
    for (const name of readdirSync(own.dir, { recursive: true })) {
      const file = join(own.dir, name);
      if (statSync(file).isFile()) assert.ok(!readFileSync(file).includes(password), name);
    }
    assert.ok(!own.output.includes(password), "nor in the log");
  });
});

test("two servers with no key have different secrets", async () => {
  await withServer({ env: { TIDINGS_JWT_SECRET: undefined } }, async (one) => {
    const { token } = ok(await request(`${one.url}/api/v1/auth/register`, "POST", { body: { username: "ann", password: "correct horse battery" } }));
    refused(await me(token), 401);
    refused(await new Api(one, mint("ann")).get("/me"), 401);
  });
});

test("the first admin and tokens come from the command line", async () => {
  const id = unique("cli");
  const { code, stdout, stderr } = await server.command("token", id, "--name", "From Line");
  assert.equal(code, 0, stderr);
  const token = stdout.trim().split(/\s+/).at(-1);
  const mine = ok(await me(token));
  assert.equal(idOf(mine), id);
  assert.equal(mine.name, "From Line");

  const short = (await server.command("token", id, "--ttl", "2h")).stdout.trim() || (await server.command("token", id, "--ttl", "7200")).stdout.trim();
  const claims = JSON.parse(Buffer.from(short.split(/\s+/).at(-1).split(".")[1], "base64url"));
  assert.ok(Math.abs(claims.exp - now() - 7200) < 120, `exp ${claims.exp - now()} s from now`);

  // An admin may send system messages, others may not.
  const boss = await server.command("token", unique("boss"), "--admin");
  assert.equal(boss.code, 0, boss.stderr);
  const api = new Api(server, boss.stdout.trim().split(/\s+/).at(-1));
  const room = ok(await api.post("/rooms", { name: "board", kind: "group", members: [] }), 201);
  const sent = ok(await api.post(`/rooms/${room._id}/messages`, { text: "maintenance", messageType: "system" }));
  assert.equal(sent.message_type, "system");
});

test("a secret of fewer than 32 bytes is refused at the start", async () => {
  const dir = temporaryFolder();
  await assert.rejects(withServer({ dir, env: { TIDINGS_JWT_SECRET: "short" } }, async () => {}), /is not running/);
});

test("public keys of a JWKS file, chosen by kid, each with its one algorithm", async () => {
  const dir = temporaryFolder();
  const ed = keyPair("EdDSA", "ed-1");
  const rsa = keyPair("RS256", "rsa-1");
  const stranger = keyPair("RS256", "rsa-1");
  const file = join(dir, "jwks.json");
  writeFileSync(file, JSON.stringify({ keys: [ed.jwk, rsa.jwk] }));
  await withServer({ env: { TIDINGS_AUTH_JWKS: file, TIDINGS_AUTH_JWKS_FILE: file } }, async (own) => {
    const get = (token) => new Api(own, token).get("/me");
    assert.equal(idOf(ok(await get(ed.mint("ed-user")))), "ed-user");
    assert.equal(idOf(ok(await get(rsa.mint("rsa-user")))), "rsa-user");
    const client = await Client.connect(own, { token: ed.mint("ed-user") });
    client.close();
    refused(await get(stranger.mint("x")), 401);
    refused(await get(rsa.mint("x", {}, { kid: "ed-1" })), 401);
    refused(await get(ed.mint("x", {}, { kid: "rsa-1" })), 401);
    refused(await get(ed.mint("x", {}, { kid: "no-such" })), 401);
    refused(await get(rsa.mint("x", { exp: now() - 120 })), 401);
    // The public key as an HMAC secret: the oldest trick.
    for (const secret of [rsa.pem, rsa.pem.trim(), JSON.stringify(rsa.jwk), rsa.jwk.n]) {
      refused(await get(mint("x", {}, { secret, header: { kid: "rsa-1" } })), 401);
      refused(await get(mint("x", {}, { secret })), 401);
    }
    refused(await get(signed({ alg: "none", kid: "rsa-1" }, { sub: "x", exp: now() + 3600 }, () => "")), 401);
    // With external keys registration is off unless it is asked for.
    refused(await request(`${own.url}/api/v1/auth/register`, "POST", { body: { username: "ann", password: "correct horse battery" } }), [403, 404]);
  });
});

test("no external sub may take the id of an account", async () => {
  await withServer({ env: { TIDINGS_AUTH_REGISTRATION: "on" } }, async (own) => {
    const post = (path, body) => request(`${own.url}/api/v1/auth/${path}`, "POST", { body });
    const { user, token } = ok(await post("register", { username: "ann", password: "correct horse battery" }));
    const mine = new Api(own, token);
    const room = ok(await mine.post("/rooms", { name: "private", kind: "group", members: [] }), 201);
    for (const claims of [{}, { name: "ann" }, { scope: "admin" }, { iss: "tidings" }]) {
      const external = new Api(own, mint(idOf(user), claims));
      refused(await external.get("/me"), [401, 403]);
      refused(await external.get(`/rooms/${room._id}`), [401, 403, 404]);
    }
    const client = new Client(own, { token: mint(idOf(user)) });
    await client.refused();
    client.close();
    ok(await mine.get(`/rooms/${room._id}`));
    // And a name is not an id: an external "ann" is another user.
    assert.equal(idOf(ok(await new Api(own, mint("ann")).get("/me"))), "ann");
    refused(await new Api(own, mint("ann")).get(`/rooms/${room._id}`), 404);
  });
});

test("registration is off while keys from outside are set", async () => {
  refused(await request(`${server.url}/api/v1/auth/register`, "POST", { body: { username: unique("ann"), password: "correct horse battery" } }), [403, 404]);
});

test("iss and aud are checked when configured", async () => {
  await withServer({ env: { TIDINGS_AUTH_ISSUER: "https://id.example", TIDINGS_AUTH_AUDIENCE: "chat", TIDINGS_AUTH_ISS: "https://id.example", TIDINGS_AUTH_AUD: "chat" } }, async (own) => {
    const get = (claims) => new Api(own, mint("ann", claims)).get("/me");
    ok(await get({ iss: "https://id.example", aud: "chat" }));
    ok(await get({ iss: "https://id.example", aud: ["other", "chat"] }));
    refused(await get({ iss: "https://evil.example", aud: "chat" }), 401);
    refused(await get({ iss: "https://id.example", aud: "other" }), 401);
    refused(await get({ aud: "chat" }), 401);
    refused(await get({ iss: "https://id.example" }), 401);
  });
});

test("suspending a user ends sockets and tokens; others go on", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const [mine, his] = [await ann.connect({ recover: true }), await bob.connect()];
  const room = await ann.createRoom({ members: [bob.id] });
  await mine.join(room._id);
  const { code, stderr } = await server.command("user", "suspend", ann.id);
  assert.equal(code, 0, stderr);
  const ended = await mine.event("SESSION_ENDED");
  assert.equal(typeof ended.payload.code, "string");
  await mine.until("disconnect", () => mine.story.includes("disconnect: io server disconnect"));
  refused(await ann.api.get("/me"), [401, 403]);
  refused(await ann.trySend(room._id, "still here"), [401, 403]);
  const back = new Client(server, { token: ann.token });
  await back.refused();
  await bob.send(room._id, "all well");
  assert.ok(his.socket.connected);
  await server.restart();
  refused(await ann.api.get("/me"), [401, 403]);
  ok(await bob.api.get("/me"));
});

test("a token that expires in mid-connection ends the session by DISCONNECT", async () => {
  const [bob] = people(server, "bob");
  const ann = new Person(server, unique("ann"), { exp: now() - 57 });
  const room = await bob.createRoom({ members: [ann.id] });
  const client = await ann.connect({ recover: true });
  await client.join(room._id);
  const ended = await client.event("SESSION_ENDED", undefined, { ms: 30_000 });
  assert.equal(typeof ended.payload.code, "string");
  assert.equal(ended.offset, null, "no event but those of the log ends in a string");
  await client.until("disconnect", () => client.story.includes("disconnect: io server disconnect"));
  assert.equal(client.events.at(-1).name, "SESSION_ENDED");
  refused(await ann.api.get("/me"), 401);
});
