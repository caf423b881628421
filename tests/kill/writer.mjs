// A writer: one user with one official client, who sends, edits, deletes and reads without a pause, and repeats each
// command until it is answered. What was acknowledged goes into the ledger.
import { unique } from "../lib/people.mjs";
import { Client } from "../lib/socket.mjs";

const kAckMs = 5_000;
const kLarge = "x".repeat(6_000);

// What all writers were told.
export class Ledger {
  acknowledged = [];   // {id, room, messageId, seq}
  refused = [];        // {id, room}
  changes = {};        // messageId → {text} or {deleted: true}
  reads = {};          // "user room" → seq
  unexpected = [];     // answers that the contract does not allow
  onAck = () => {};

  get size() {
    return this.acknowledged.length;
  }
}

export class Writer {
  #going = true;
  #abandoned = false;
  #mine = [];
  #count = 0;

  constructor(server, person, rooms, random, ledger, window) {
    Object.assign(this, { person, rooms, random, ledger });
    this.client = new Client(server, { token: person.token });
    // Ended commands of one lane never overlap, those of several do.
    this.lanes = Array.from({ length: window }, () => this.#lane().catch((error) => this.#broken(error)));
  }

  // No further commands; resolves when the open ones are answered.
  async finish() {
    this.#going = false;
    await Promise.all(this.lanes);
    this.client.close();
  }

  // Gives up without an answer.
  abandon() {
    this.#going = false;
    this.#abandoned = true;
    this.client.close();
  }

  #broken(error) {
    if (!this.#abandoned) this.ledger.unexpected.push(`${this.person.id}: ${error.message}`);
  }

  async #lane() {
    while (this.#going) {
      const kind = this.random.weighted({ send: 80, edit: 9, remove: 3, read: 8 });
      if (kind === "send" || this.#mine.length === 0) await this.#send();
      else if (kind === "edit") await this.#edit();
      else if (kind === "remove") await this.#remove();
      else await this.#read();
    }
  }

  // The answer to a command, repeated until there is one; null once the writer has stopped without.
  async #insist(event, payload) {
    for (let attempt = 1; ; attempt++) {
      try {
        return { ack: await this.client.ask(event, payload, kAckMs), attempt };
      } catch {
        // The outcome is unknown: the connection broke, or no answer came in time.
        if (!this.#going && !this.client.socket.active) return { ack: null, attempt };
        await this.client.until("reconnection", () => this.client.socket.connected || !this.client.socket.active, 60_000);
      }
    }
  }

  async #send() {
    const room = this.random.pick(this.rooms);
    const clientMessageId = `${this.person.id}-${++this.#count}`;
    const text = this.random.chance(0.05) ? `${clientMessageId} ${kLarge}` : clientMessageId;
    const { ack } = await this.#insist("message:send", { roomId: room, text, clientMessageId });
    if (ack === null) return;
    const id = `${this.person.id} ${clientMessageId}`;
    if (ack.status === "success") {
      this.ledger.acknowledged.push({ id, room, messageId: ack.data._id, seq: ack.data.seq });
      this.#mine.push({ room, messageId: ack.data._id, seq: ack.data.seq });
      if (this.#mine.length > 40) this.#mine.shift();
      this.ledger.onAck();
    } else {
      this.ledger.refused.push({ id, room });
      this.#expect(ack, ["unavailable", "rate_limited", "storage_full"], "send");
    }
  }

  // Takes a message out while it is being changed, so that the changes of one message do not overlap.
  #take() {
    return this.#mine.splice(this.random.below(this.#mine.length), 1)[0];
  }

  async #edit() {
    const message = this.#take();
    const text = unique("edited");
    const { ack } = await this.#insist("message:edit", { roomId: message.room, messageId: message.messageId, text });
    if (ack?.status === "success") this.ledger.changes[message.messageId] = { text };
    else if (ack) this.#expect(ack, ["unavailable", "rate_limited", "storage_full"], "edit");
    if (ack?.status === "success") this.#mine.push(message);
  }

  async #remove() {
    const message = this.#take();
    const { ack, attempt } = await this.#insist("message:delete", { roomId: message.room, messageId: message.messageId });
    if (ack?.status === "success") this.ledger.changes[message.messageId] = { deleted: true };
    // A repeat may find that the first did it.
    else if (ack && attempt === 1) this.#expect(ack, ["unavailable", "rate_limited", "storage_full"], "delete");
  }

  async #read() {
    const { room, seq } = this.random.pick(this.#mine);
    const { ack } = await this.#insist("room:read", { roomId: room, seq });
    const key = `${this.person.id} ${room}`;
    if (ack?.status === "success") this.ledger.reads[key] = Math.max(this.ledger.reads[key] ?? 0, seq);
    else if (ack) this.#expect(ack, ["unavailable", "rate_limited", "storage_full"], "read");
  }

  #expect(ack, codes, what) {
    if (!codes.includes(ack.error?.code)) this.ledger.unexpected.push(`${what} of ${this.person.id}: ${JSON.stringify(ack).slice(0, 200)}`);
  }
}
