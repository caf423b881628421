// ./dev serve, as a newcomer types it on a machine where everything is installed and built: it prints a link for each of
// two users, and both can chat at once; typed again, it is there again with what was said.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Api, ok, request } from "../lib/http.mjs";
import { freePort, kBinary, temporaryFolder } from "../lib/server.mjs";
import { Client } from "../lib/socket.mjs";
import { test } from "../lib/testing.mjs";
import { eventually, within } from "../support/deadline.mjs";

const kRoot = fileURLToPath(new URL("../..", import.meta.url));

async function served(data, body) {
  const port = await freePort();
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TIDINGS_")));
  const child = spawn(`${kRoot}dev`, ["serve", "--data", data, "--listen", `127.0.0.1:${port}`], { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
  try {
    const started = Date.now();
    const url = `http://127.0.0.1:${port}`;
    await eventually(
      "the server",
      async () => {
        assert.equal(child.exitCode, null, said);
        return (await request(`${url}/readyz`, "GET", { keepAlive: false }).catch(() => null))?.status === 200;
      },
      100_000,
      50,
    );
    const shown = () => [...said.matchAll(/(http:\/\/\S+)\/#token=(\S+)\n/g)].map(([, address, token]) => ({ address, token }));
    const links = await eventually("two links", () => shown().length === 2 && shown(), 30_000, 50);
    for (const { address } of links) assert.equal(address, url);
    await body(url, links.map(({ token }) => token), Date.now() - started);
  } finally {
    child.kill("SIGINT");
    assert.equal(await within(ended, "end after Ctrl-C", 15_000), 0, said);
  }
}

// It builds build/release; another binary under test is not what it would serve.
const isOwn = kBinary === `${kRoot}build/release/bin/tidings`;

test("./dev serve: two links, and two users who chat", { timeout: 240_000, skip: isOwn ? false : "TIDINGS_BIN names another binary" }, async () => {
  const data = temporaryFolder();
  await served(data, async (url, [alice, bob]) => {
    const page = await request(`${url}/`, "GET");
    assert.match(page.body, /<title>tidings<\/title>/);
    const [a, b] = [alice, bob].map((token) => new Api({ url }, token));
    assert.equal(ok(await a.get("/me")).name, "Alice");
    assert.deepEqual(ok(await b.get("/rooms")).map(({ name }) => name), ["Lobby"], "there is a room to begin with");
    const { _id: room } = ok(await a.post("/rooms", { name: "hello", kind: "group", members: [ok(await b.get("/me"))._id] }), 201);
    const client = await Client.connect({ url }, { token: bob });
    await client.join(room);
    ok(await a.post(`/rooms/${room}/messages`, { text: "hello Bob" }));
    assert.equal((await client.event("NEW_MESSAGE")).payload.data.text, "hello Bob");
    client.close();
  });
  await served(data, async (url, [, bob], ms) => {
    const api = new Api({ url }, bob);
    const [{ _id: room }] = ok(await api.get("/rooms"));
    assert.deepEqual(ok(await api.get(`/rooms/${room}/messages`)).messages.map(({ text }) => text), ["hello Bob"]);
    console.log(`./dev serve, the second time: ready after ${ms} ms`);
  });
});
