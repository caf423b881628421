// unread, mentions, previews, seen_by and the log equal a recount after any history: random histories against a model.
// TIDINGS_TEST_SEED repeats one; TIDINGS_E2E_OPERATIONS sets the length.
import assert from "node:assert/strict";
import { ok, refused } from "../lib/http.mjs";
import { RoomModel, recount } from "../lib/model.mjs";
import { admin, kContact, kImage, people, unique } from "../lib/people.mjs";
import { Random, seedFor } from "../lib/random.mjs";
import { assertEvent, assertMessage, assertTombstone } from "../lib/shapes.mjs";
import { accepted, assertDense } from "../lib/socket.mjs";
import { sharedServer, test } from "../lib/testing.mjs";

const kOperations = Number(process.env.TIDINGS_E2E_OPERATIONS ?? (process.env.TIDINGS_E2E_FULL ? 3_000 : 300));
const kEmoji = ["👍", "❤️", "🦊"];
const kWeights = {
  text: 30, mention: 12, image: 5, contact: 3, system: 2, repeat: 4, reply: 5, edit: 10, remove: 10, react: 6, unreact: 3,
  read: 16, add: 4, leave: 4, role: 2, intrude: 3,
};

const server = await sharedServer();

// One random history in one room; every operation is applied to the server and to the model.
class History {
  done = [];

  constructor(random, everybody, root) {
    this.random = random;
    this.everybody = everybody;
    this.root = root;
    this.byId = new Map([...everybody, root].map((person) => [person.id, person]));
    this.sockets = new Map();
  }

  async begin() {
    this.owner = this.everybody[0];
    const members = [this.root.id, this.everybody[1].id, this.everybody[2].id];
    this.room = (await this.owner.createRoom({ kind: this.random.pick(["group", "public"]), members }))._id;
    this.model = new RoomModel(this.owner.id, members);
    for (const person of this.byId.values()) this.sockets.set(person.id, await person.connect());
  }

  get members() {
    return [...this.model.members.keys()].map((id) => this.byId.get(id));
  }

  // The seq of the one event that the last call appended.
  async appended(type) {
    const events = await this.root.log(this.room, this.model.head);
    assert.equal(events.length, 1, `${type} is one event, not ${events.map((event) => event.type)}`);
    assert.equal(events[0].type, type);
    return assertEvent(events[0]).seq;
  }

  async nothingAppended(what) {
    assert.equal(await this.root.head(this.room), this.model.head, `${what} appended an event`);
  }

  async send(who, body, type = "text") {
    const bySocket = this.random.chance(0.5);
    const message = bySocket ? await this.sockets.get(who.id).send(this.room, body) : await who.send(this.room, body);
    assertMessage(message);
    assert.equal(message.seq, this.model.head + 1);
    const mentioned = [...(body.text ?? "").replace(/`[^`]*`/g, "").matchAll(/@(\S+)/g)].map(([, id]) => id);
    const mentions = [...new Set([...mentioned, ...(body.mentions ?? [])])].filter((id) => this.model.members.has(id));
    assert.deepEqual([...message.mentions].sort(), mentions.sort(), `mentions of ${JSON.stringify(body)}`);
    this.model.sent(message.seq, {
      id: message._id, by: who.id, text: body.text ?? "", media: body.images ?? [], contact: body.contact ?? null, type, mentions, body,
    });
  }

  pickMessage(test = () => true) {
    const found = this.model.messages.filter((message) => !message.deleted && test(message));
    return found.length > 0 ? this.random.pick(found) : null;
  }

  // Each returns a line for the story, or null if there was nothing to do.
  operations = {
    text: async () => {
      const who = this.random.pick(this.members);
      const body = { text: unique("text"), ...(this.random.chance(0.4) ? { clientMessageId: unique("c") } : {}) };
      await this.send(who, body);
      return `${who.id} sends`;
    },
    mention: async () => {
      const who = this.random.pick(this.members);
      const whom = this.random.pick(this.everybody);
      const other = this.random.pick(this.everybody);
      const text = this.random.pick([`hey @${whom.id} !`, `code \`@${whom.id}\` for @${other.id}`, `@${whom.id}`, `only \`@${whom.id}\``, "listed"]);
      await this.send(who, { text, mentions: text === "listed" ? [whom.id, other.id] : [] });
      return `${who.id} sends ${text}`;
    },
    image: async () => {
      const who = this.random.pick(this.members);
      await this.send(who, { images: [kImage, { ...kImage, _id: unique("img"), filename: unique("pic") }] }, "image");
      return `${who.id} sends an image`;
    },
    contact: async () => {
      const who = this.random.pick(this.members);
      await this.send(who, { contact: { ...kContact, name: unique("name") } }, "contact");
      return `${who.id} sends a contact`;
    },
    system: async () => {
      if (!this.model.members.has(this.root.id)) return null;
      await this.send(this.root, { text: unique("system"), messageType: "system" }, "system");
      return "a system message";
    },
    repeat: async () => {
      const message = this.model.messages.filter(({ body, by }) => body.clientMessageId && this.model.members.has(by)).at(-1);
      if (!message) return null;
      const again = await this.byId.get(message.by).send(this.room, message.body);
      assert.equal(again._id, message.id);
      refused(await this.byId.get(message.by).trySend(this.room, { ...message.body, text: "another" }), 409, "idempotency_conflict");
      await this.nothingAppended("a repeat");
      return `${message.by} repeats ${message.seq}`;
    },
    reply: async () => {
      const to = this.pickMessage();
      if (!to) return null;
      const who = this.random.pick(this.members);
      await this.send(who, { text: unique("reply"), replyTo: to.id });
      return `${who.id} replies to ${to.seq}`;
    },
    edit: async () => {
      const message = this.pickMessage(({ by, type }) => this.model.members.has(by) && type === "text");
      if (!message) return null;
      const text = unique("edited");
      ok(await this.byId.get(message.by).edit(this.room, message.id, text));
      this.model.edited(await this.appended("message.updated"), message.id, text);
      return `${message.by} edits ${message.seq}`;
    },
    remove: async () => {
      const message = this.pickMessage(({ by }) => this.model.members.has(by));
      if (!message) return null;
      const who = this.random.chance(0.3) ? this.owner : this.byId.get(message.by);
      ok(await who.remove(this.room, message.id));
      this.model.deleted(await this.appended("message.deleted"), message.id);
      return `${who.id} deletes ${message.seq}`;
    },
    react: async () => {
      const who = this.random.pick(this.members);
      const emoji = this.random.pick(kEmoji);
      const message = this.pickMessage(({ reactions }) => !reactions.get(emoji)?.has(who.id));
      if (!message) return null;
      ok(await who.react(this.room, message.id, emoji));
      this.model.reacted(await this.appended("message.updated"), message.id, who.id, emoji);
      return `${who.id} reacts to ${message.seq}`;
    },
    unreact: async () => {
      const message = this.pickMessage(({ reactions }) => [...reactions.values()].some((users) => [...users].some((id) => this.model.members.has(id))));
      if (!message) return null;
      const [emoji, users] = [...message.reactions].find(([, set]) => [...set].some((id) => this.model.members.has(id)));
      const who = this.byId.get([...users].find((id) => this.model.members.has(id)));
      ok(await who.unreact(this.room, message.id, emoji));
      this.model.unreacted(await this.appended("message.updated"), message.id, who.id, emoji);
      return `${who.id} takes ${emoji} back from ${message.seq}`;
    },
    read: async () => {
      const who = this.random.pick(this.members);
      const seq = this.random.chance(0.3) ? this.model.head : this.random.between(0, this.model.head + 3);
      if (this.random.chance(0.5)) await who.read(this.room, seq);
      else accepted(await this.sockets.get(who.id).ask("room:read", { roomId: this.room, seq }));
      this.model.read(who.id, seq);
      await this.nothingAppended("a read");
      return `${who.id} reads to ${seq}`;
    },
    add: async () => {
      const away = this.everybody.filter(({ id }) => !this.model.members.has(id));
      if (away.length === 0) return null;
      const added = this.random.shuffled(away).slice(0, this.random.between(1, 2)).map(({ id }) => id);
      ok(await this.owner.addMembers(this.room, added));
      this.model.joined(await this.appended("member.joined"), added);
      return `${added} join`;
    },
    leave: async () => {
      const some = this.members.filter((person) => person !== this.owner && person !== this.root);
      if (some.length === 0) return null;
      const who = this.random.pick(some);
      ok(await (this.random.chance(0.5) ? who : this.owner).removeMember(this.room, who.id));
      this.model.left(await this.appended("member.left"), who.id);
      return `${who.id} leaves`;
    },
    role: async () => {
      const who = this.members.find((person) => person !== this.owner && person !== this.root);
      if (!who) return null;
      const role = this.model.members.get(who.id).role === "admin" ? "member" : "admin";
      ok(await this.owner.setRole(this.room, who.id, role));
      this.model.roleChanged(await this.appended("member.updated"), who.id, role);
      return `${who.id} is ${role}`;
    },
    // What must not change anything.
    intrude: async () => {
      const stranger = this.everybody.find(({ id }) => !this.model.members.has(id));
      if (stranger) refused(await stranger.trySend(this.room, "let me in"), [403, 404]);
      const message = this.pickMessage(({ by }) => by !== this.root.id);
      if (message) refused(await this.root.edit(this.room, message.id, "not mine"), 403);
      refused(await this.owner.trySend(this.room, { text: "" }), 422);
      await this.nothingAppended("a refusal");
      return "refusals";
    },
  };

  async step() {
    const name = this.random.weighted(kWeights);
    const line = await this.operations[name]();
    if (line) this.done.push(line);
    const who = this.random.pick(this.members);
    await this.checkMember(who, this.random.chance(0.5) ? await who.room(this.room) : await who.listedRoom(this.room));
  }

  async checkMember(who, room) {
    const { lastMessage } = this.model;
    const shown = room.lastMessage && (({ value, type, messageId, seq, senderId }) => ({ value, type, messageId, seq, senderId }))(room.lastMessage);
    assert.deepEqual(
      { unread: room.unread, mentions: room.mentions, head: room.head, lastMessage: shown },
      { unread: this.model.unread(who.id), mentions: this.mentionsKnown ? this.model.mentions(who.id) : room.mentions, head: this.model.head, lastMessage },
      `the room as ${who.id} sees it`,
    );
  }

  // An edit may change who is mentioned, which the documents say.
  get mentionsKnown() {
    return !this.model.messages.some(({ edited, deleted, mentions }) => edited && !deleted && mentions.length > 0);
  }

  async checkAll() {
    const documents = await this.owner.messages(this.room);
    assert.deepEqual(documents.map(({ _id, seq, text, created_by }) => [_id, seq, text, created_by]), this.model.messages.map(({ id, seq, text, by }) => [id, seq, text, by]));
    documents.forEach((document, i) => this.checkDocument(document, this.model.messages[i]));
    const log = await this.owner.log(this.room);
    assertDense(log.map(({ seq }) => seq), 1, this.model.head, "the log");
    for (const who of this.members) {
      const room = await who.room(this.room);
      await this.checkMember(who, room);
      const { joined } = this.model.members.get(who.id);
      const counted = recount(documents, who.id, this.model.positions.get(who.id) ?? 0, joined);
      assert.deepEqual({ unread: room.unread, mentions: room.mentions }, counted, `recount for ${who.id}`);
      this.among([...room.lastMessageVisibleOnUsers], this.model.visibleOn, "lastMessageVisibleOnUsers");
    }
    const roles = Object.fromEntries((await this.owner.members(this.room)).map(({ userId, role }) => [userId, role]));
    assert.deepEqual(roles, this.model.roles);
  }

  checkDocument(document, expected) {
    if (expected.deleted) return assertTombstone(document);
    assertMessage(document);
    const { surely, maybe } = this.model.seenBy(expected);
    this.among(document.seen_by, { surely, maybe }, `seen_by of ${document.seq}`);
    assert.equal(document.seen_count, document.seen_by.length);
    const reactions = Object.fromEntries(document.reactions.map(({ emoji, count, users }) => [emoji, [count, [...users].sort()]]));
    assert.deepEqual(reactions, Object.fromEntries([...expected.reactions].map(([emoji, users]) => [emoji, [users.size, [...users].sort()]])), `reactions of ${document.seq}`);
  }

  among(got, { surely, maybe }, what) {
    const rest = got.filter((id) => !maybe.includes(id));
    assert.deepEqual(rest.sort(), surely.sort(), what);
  }
}

test(`${kOperations} random operations`, { timeout: 600_000 }, async () => {
  const random = new Random(seedFor("counters"));
  const everybody = people(server, "u0", "u1", "u2", "u3", "u4", "u5");
  const history = new History(random, everybody, admin(server));
  await history.begin();
  try {
    for (let i = 1; i <= kOperations; i++) {
      await history.step();
      if (i % 60 === 0) await history.checkAll();
    }
    await history.checkAll();
    await server.crash();
    await server.launch();
    await history.checkAll();
    // Delete all: no preview, nothing unread.
    for (const message of history.model.messages.filter(({ deleted }) => !deleted)) {
      ok(await history.owner.remove(history.room, message.id));
      history.model.deleted(history.model.head + 1, message.id);
    }
    await history.checkAll();
    assert.equal((await history.owner.room(history.room)).lastMessage, null);
  } catch (error) {
    error.message += `\nthe last operations:\n  ${history.done.slice(-15).join("\n  ")}`;
    error.stack = `${error.message}\n${error.stack}`;
    throw error;
  }
  await server.stop();
  const { code, stdout, stderr } = await server.command("verify");
  assert.equal(code, 0, `${stdout}${stderr}`);
  await server.launch();
});
