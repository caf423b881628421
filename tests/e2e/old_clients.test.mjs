// npm's older clients at the chat: they know nothing of recovery, and `after` serves them as well.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { people } from "../lib/people.mjs";
import { accepted, assertDense } from "../lib/socket.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { eventually, within } from "../support/deadline.mjs";

const require = createRequire(new URL("../lib/package.json", import.meta.url));
const kVersions = ["socket.io-client-3.1", "socket.io-client-4.5"];
const kTransports = { websocket: ["websocket"], polling: ["polling"], upgraded: ["polling", "websocket"] };

// The answer of an event that asks for one.
const ask = (socket, event, payload) => within(new Promise((resolve) => socket.emit(event, payload, resolve)), `acknowledgement of ${event}`);

for (const version of kVersions) {
  for (const [name, transports] of Object.entries(kTransports)) {
    test(`${version} by ${name}: sends, events, and what came while it was away`, async () => {
      const { io } = require(version);
      await withServer({}, async (server) => {
        const [ann, bob] = people(server, "ann", "bob");
        const room = (await ann.createRoom({ members: [bob.id] }))._id;
        const sockets = [];
        const open = (auth) => {
          const socket = io(server.url, { transports, forceNew: true, auth, reconnectionDelay: 20, reconnectionDelayMax: 100 });
          sockets.push(socket);
          return socket;
        };
        try {
          const stranger = open({ token: "nonsense" });
          const refusal = await within(new Promise((resolve) => stranger.once("connect_error", resolve)), "refusal");
          assert.equal(refusal.data?.code, "unauthorized");

          const seqs = [];
          const reader = open({ token: bob.token });
          reader.on("NEW_MESSAGE", (...args) => {
            assert.equal(args.length, 1, "no offset for those that do not ask");
            seqs.push(args[0].data.seq);
          });
          // As an application does: each time it connects, from where it was.
          let joins = 0;
          reader.on("connect", async () => {
            accepted(await ask(reader, "room:join", { roomId: room, after: seqs.at(-1) ?? 1 }));
            joins++;
          });
          await eventually("the first join", () => joins === 1);
          const writer = open({ token: ann.token });
          await within(new Promise((resolve) => writer.once("connect", resolve)), "connection");
          for (let i = 0; i < 20; i++) accepted(await ask(writer, "message:send", { roomId: room, text: `m${i}`, clientMessageId: `${version}-${name}-${i}` }));
          await eventually("the messages", () => seqs.length === 20);

          await server.stop();
          await eventually("the end of the connection", () => !reader.connected);
          await server.launch();
          for (let i = 0; i < 20; i++) await ann.send(room, `later ${i}`);
          await eventually("the second join", () => joins >= 2);
          await eventually("what was missed", () => seqs.length >= 40);
          assertDense(seqs, 2, 41);
        } finally {
          for (const socket of sockets) socket.disconnect();
        }
      });
    });
  }
}
