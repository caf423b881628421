// docs/asyncapi.yaml against what sockets take and are sent. (docs/openapi.json: operations.test.mjs.)
import assert from "node:assert/strict";
import { assertFits, eventsOf } from "../lib/documents.mjs";
import { ok } from "../lib/http.mjs";
import { people } from "../lib/people.mjs";
import { accepted, declined } from "../lib/socket.mjs";
import { sharedServer, test } from "../lib/testing.mjs";

const server = await sharedServer();
test("every event that sockets are sent is documented, and as it is", { timeout: 120_000 }, async () => {
  const [ann, bob, cid, dan] = people(server, "ann", "bob", "cid", "dan");
  const [mine, aside, his, watcher] = [await ann.connect(), await bob.connect(), await bob.connect(), await cid.connect()];
  const room = (await ann.createRoom({ members: [bob.id, cid.id, dan.id] }))._id;
  for (const client of [mine, his]) await client.join(room);
  accepted(await watcher.ask("presence:watch", { userIds: [bob.id, dan.id, "nobody"] }));
  await dan.connect();
  await watcher.event("PRESENCE");
  const first = await mine.send(room, { text: "see https://tidings.example/ @" + bob.id, mentions: [bob.id] });
  const second = await his.send(room, { text: "an answer", replyTo: first._id });
  accepted(await mine.ask("message:edit", { roomId: room, messageId: first._id, text: "edited" }));
  accepted(await his.ask("message:react", { roomId: room, messageId: first._id, emoji: "👍" }));
  accepted(await mine.ask("typing", { roomId: room, active: true }));
  accepted(await his.ask("room:read", { roomId: room, seq: second.seq }));
  accepted(await his.ask("message:delete", { roomId: room, messageId: second._id }));
  ok(await ann.api.patch(`/rooms/${room}`, { name: "renamed" }));
  ok(await ann.api.delete(`/rooms/${room}/members/${cid.id}`));
  await mine.event("SEEN");
  await his.event("TYPING");
  await aside.event("ROOM_UPDATED");
  await mine.event("ROOM_CHANGED");
  const { code, stderr } = await server.command("user", "suspend", cid.id);
  assert.equal(code, 0, stderr);
  await watcher.event("SESSION_ENDED");
  await mine.event("MEMBERS_CHANGED");
  const documented = new Map([...eventsOf("log"), ...eventsOf("notices")]);
  const seen = new Set();
  for (const client of [mine, aside, his, watcher]) {
    for (const { name, payload, args } of client.events) {
      seen.add(name);
      assert.ok(documented.has(name), `${name} is in no channel`);
      assertFits(documented.get(name), payload, name);
      assert.equal(args.length, 1);
    }
  }
  assert.deepEqual([...documented.keys()].filter((name) => !seen.has(name)), [], "documented and never sent");
});

test("every documented command is taken as it is documented", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const client = await ann.connect();
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  const message = await ann.send(room, "one");
  const commands = {
    "room:join": { roomId: room, after: 0 },
    "message:send": { roomId: room, text: "two", clientMessageId: "c1", replyTo: message._id, mentions: [bob.id] },
    "message:edit": { roomId: room, messageId: message._id, text: "edited" },
    "message:react": { roomId: room, messageId: message._id, emoji: "👍", remove: false },
    "room:read": { roomId: room, seq: 1 },
    typing: { roomId: room, active: false },
    "presence:watch": { userIds: [bob.id] },
    "message:delete": { roomId: room, messageId: message._id },
    "room:leave": { roomId: room },
  };
  const documented = new Map(eventsOf("commands"));
  assert.deepEqual([...documented.keys()].sort(), Object.keys(commands).sort());
  for (const [name, command] of Object.entries(commands)) {
    assertFits(documented.get(name), command, name);
    for (const required of documented.get(name).required ?? []) {
      const { [required]: _, ...without } = command;
      declined(await client.ask(name, without), "invalid", "malformed");
    }
    accepted(await client.ask(name, command), name);
  }
});
