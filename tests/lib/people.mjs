// Users with a token, an HTTP client and sockets, and the few calls that nearly every test makes.
import { randomBytes } from "node:crypto";
import { Api, listOf, ok, request } from "./http.mjs";
import { mint } from "./jwt.mjs";
import { Client } from "./socket.mjs";

export class Person {
  constructor(server, id, claims = {}) {
    this.server = server;
    this.id = id;
    this.token = mint(id, claims);
    this.api = new Api(server, this.token);
  }

  connect(settings = {}) {
    return Client.connect(this.server, { token: this.token, ...settings });
  }

  async createRoom(room = {}) {
    return ok(await this.api.post("/rooms", { name: "room", kind: "group", members: [], ...room }), 201);
  }

  async room(roomId) {
    return ok(await this.api.get(`/rooms/${roomId}`));
  }

  // The room as it stands in the caller's list; undefined if it does not.
  async listedRoom(roomId) {
    return listOf(ok(await this.api.get("/rooms?limit=200"))).find((room) => room._id === roomId);
  }

  trySend(roomId, message, options) {
    return this.api.post(`/rooms/${roomId}/messages`, typeof message === "string" ? { text: message } : message, options);
  }

  async send(roomId, message, options) {
    return ok(await this.trySend(roomId, message, options), 200);
  }

  async message(roomId, id) {
    return ok(await this.api.get(`/rooms/${roomId}/messages/${id}`));
  }

  edit(roomId, id, text) {
    return this.api.patch(`/rooms/${roomId}/messages/${id}`, { text });
  }

  remove(roomId, id) {
    return this.api.delete(`/rooms/${roomId}/messages/${id}`);
  }

  react(roomId, id, emoji) {
    return this.api.put(`/rooms/${roomId}/messages/${id}/reactions/${encodeURIComponent(emoji)}`);
  }

  unreact(roomId, id, emoji) {
    return this.api.delete(`/rooms/${roomId}/messages/${id}/reactions/${encodeURIComponent(emoji)}`);
  }

  async read(roomId, seq) {
    return ok(await this.api.put(`/rooms/${roomId}/read`, { seq }));
  }

  async history(roomId, query = "") {
    return ok(await this.api.get(`/rooms/${roomId}/messages${query}`));
  }

  // All messages of the room, ascending.
  async messages(roomId) {
    const all = [];
    for (;;) {
      const page = await this.history(roomId, `?after=${all.at(-1)?.seq ?? 0}&limit=200`);
      all.push(...page.messages);
      if (!page.hasMore) return all;
      if (page.messages.length === 0) throw new Error("hasMore after an empty page");
    }
  }

  // All events of the room's log past `after`, ascending.
  async log(roomId, after = 0) {
    const all = [];
    for (;;) {
      const page = ok(await this.api.get(`/rooms/${roomId}/events?after=${all.at(-1)?.seq ?? after}&limit=200`));
      all.push(...page.events);
      if (!page.hasMore) return all;
      if (page.events.length === 0) throw new Error("hasMore after an empty page");
    }
  }

  async head(roomId) {
    return ok(await this.api.get(`/rooms/${roomId}/events?after=0&limit=1`)).head;
  }

  async members(roomId) {
    return listOf(ok(await this.api.get(`/rooms/${roomId}/members?limit=200`)));
  }

  addMembers(roomId, userIds) {
    return this.api.post(`/rooms/${roomId}/members`, { userIds });
  }

  removeMember(roomId, userId) {
    return this.api.delete(`/rooms/${roomId}/members/${encodeURIComponent(userId)}`);
  }

  setRole(roomId, userId, role) {
    return this.api.patch(`/rooms/${roomId}/members/${encodeURIComponent(userId)}`, { role });
  }

  // A call outside the prefix.
  bare(method, path, body) {
    return request(`${this.server.url}${path}`, method, { token: this.token, body });
  }
}

export const unique = (name) => `${name}-${randomBytes(4).toString("hex")}`;

// people(server, "ann", "bob") → two Persons with ids that no other test has.
export function people(server, ...names) {
  return names.map((name) => new Person(server, unique(name)));
}

export function admin(server, name = "root") {
  return new Person(server, unique(name), { scope: "admin" });
}

export const kImage = {
  _id: "img-1",
  filename: "cat.png",
  type: "image/png",
  size: 12345,
  width: 640,
  height: 480,
  blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
};

export const kContact = { name: "Zoë Quinn", phones: ["+49 30 123456"], emails: ["zoe@example.org"], userId: null };
