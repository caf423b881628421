// A reader: an unmodified official client that joins all rooms and trusts recovery, or one that knows only `after`.
// It keeps what it saw, in order.
import { Client, placeOf } from "../lib/socket.mjs";

export class Reader {
  seen = {};           // room → [{seq, name, messageId}]
  from = {};           // room → the first number that is due
  troubles = [];
  recovered = 0;
  fresh = 0;
  #joined = new Set(); // rooms whose join was acknowledged

  constructor(server, person, rooms, { name, recover, transports }) {
    Object.assign(this, { name, rooms, recover });
    for (const room of rooms) {
      this.seen[room] = [];
      this.from[room] = 1;
    }
    this.client = new Client(server, {
      token: person.token,
      recover,
      transports,
      onEvent: (event, client) => {
        const place = placeOf(event);
        if (place === null || !this.seen[place.room]) return;
        const { name, payload } = event;
        this.seen[place.room].push({ seq: place.seq, name, messageId: payload.data?._id ?? null });
        client.events.length = 0;
      },
    });
    this.client.socket.on("connect", () => this.#connected());
  }

  last(room) {
    return this.seen[room].at(-1)?.seq ?? 0;
  }

  async caughtUp(heads, ms) {
    for (const room of this.rooms) {
      await this.client.until(`${this.name} at ${heads[room]} of ${room} (is at ${this.last(room)})`, () => this.last(room) >= heads[room], ms);
    }
  }

  #connected() {
    const recovered = Boolean(this.client.socket.recovered);
    if (recovered) this.recovered++;
    else this.fresh++;
    for (const room of this.rooms) if (!recovered || !this.#joined.has(room)) this.#join(room);
  }

  async #join(room) {
    try {
      const ack = await this.client.ask("room:join", { roomId: room, after: this.last(room) }, 30_000);
      if (ack.status === "success") this.#joined.add(room);
      else this.troubles.push(`${this.name} could not join ${room} after ${this.last(room)}: ${JSON.stringify(ack.error)}`);
    } catch {
      // Disconnected: the next connect joins again.
    }
  }
}
