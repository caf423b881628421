// The connection is cut after every single event of a replay that runs between live traffic in two other rooms.
//
// A client with recovery is live in rooms A and B and joins R with {after: 0}; ~30 events of R were missed, and A and B
// go on. In round n the transport breaks right after the n-th event that the client received. It comes back by itself
// and, in the end, must have seen every number of every room once and in order.
import assert from "node:assert/strict";
import { ok } from "../lib/http.mjs";
import { people, unique } from "../lib/people.mjs";
import { Client, accepted, assertDense, placeOf } from "../lib/socket.mjs";
import { sharedServer, test } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const kMissed = 30;
const kBurst = 12;
const kMostRounds = 150;

const server = await sharedServer();

// Whether a client that has just connected again joins R once more, and from where; null if it does not.
const kManners = {
  // Trusts `recovered` once it knows that the server took the join up: by the acknowledgement or by any event of R.
  trusting: {
    says: "joins again only if not recovered",
    again: ({ recovered, acked, last }) => (recovered && (acked || last > 0) ? null : last),
  },
  // Repeats an unacknowledged join as it was; a socket that is in the room already goes on from what it was sent.
  repeating: {
    says: "repeats an unacknowledged join as it was",
    again: ({ recovered, acked, last }) => (recovered ? (acked ? null : 0) : last),
  },
  // The same with what it has by now: safe where the server may have died before the join was durable.
  careful: {
    says: "repeats an unacknowledged join from where it is",
    again: ({ recovered, acked, last }) => (recovered && acked ? null : last),
  },
};

// Ann with a sender's socket, bob, and the rooms A and B that both are in.
async function stage() {
  const [ann, bob] = people(server, "ann", "bob");
  const [a, b] = await Promise.all(["A", "B"].map((name) => ann.createRoom({ name, members: [bob.id] })));
  return { ann, bob, a: a._id, b: b._id, sender: await ann.connect() };
}

// A room with kMissed events that the client has not seen.
async function missedRoom({ ann, bob, sender }) {
  const { _id: room } = await ann.createRoom({ name: "R", members: [bob.id] });
  const sent = await Promise.all(Array.from({ length: kMissed - 4 }, (_, i) => sender.send(room, { text: `r${i}` })));
  ok(await ann.edit(room, sent[1]._id, "edited"));
  ok(await ann.remove(room, sent[2]._id));
  ok(await ann.react(room, sent[3]._id, "👍"));
  return room;
}

// The sender outlives crashes: each send is repeated until it is acknowledged.
async function surely(sender, room, text) {
  const clientMessageId = unique("s");
  for (;;) {
    try {
      return await sender.send(room, { text, clientMessageId });
    } catch (error) {
      if (!/disconnected/.test(error.message)) throw error;
      await sender.connected();
    }
  }
}

// One round, broken at each of `places`; resolves with the number of breaks.
async function round(own, places, { again }, breakConnection) {
  const r = await missedRoom(own);
  const rooms = { A: own.a, B: own.b, R: r };
  let breaks = 0;
  let received = 0;
  let counting = false;
  let acked = false;
  let failure = null;
  const client = await Client.connect(server, {
    token: own.bob.token,
    recover: true,
    onEvent: (event, self) => {
      if (!counting || placeOf(event) === null) return;
      received++;
      if (!places.includes(received)) return;
      breaks++;
      breakConnection(self);
    },
  });
  const first = { A: (await client.join(own.a)).head + 1, B: (await client.join(own.b)).head + 1, R: 1 };

  const join = async (after) => {
    try {
      const ack = await client.ask("room:join", { roomId: r, after }, 30_000);
      assert.equal(ack.status, "success", JSON.stringify(ack));
      acked = true;
    } catch (error) {
      if (!/disconnected/.test(error.message)) failure ??= error;
    }
  };
  client.socket.on("connect", () => {
    const after = again({ recovered: client.recovered, acked, last: client.lastSeq(r) });
    if (after !== null) join(after);
  });

  // Traffic in A and B before, while and after the replay runs.
  const burst = () => Array.from({ length: kBurst }, (_, i) => surely(own.sender, i % 2 ? own.a : own.b, `t${i}`));
  counting = true;
  const before = burst();
  join(0);
  await Promise.all([...before, ...burst()]);

  // One last message a room: what comes late or twice comes before it.
  const head = {};
  for (const name of ["A", "B", "R"]) head[name] = (await surely(own.sender, rooms[name], "the end")).seq;
  for (const name of ["A", "B", "R"]) {
    await client.until(`the end of ${name}, broken at ${places}`, () => {
      if (failure) throw failure;
      return client.lastSeq(rooms[name]) >= head[name];
    });
  }
  // A break may have come with the very last event: back once more, and nothing is repeated.
  counting = false;
  await client.connected();
  assert.equal((await client.ask("presence:watch", { userIds: [] })).status, "success");
  for (const name of ["A", "B", "R"]) {
    assertDense(client.seqs(rooms[name]), first[name], head[name], `${name}, broken at ${places}: ${client.story}`);
  }
  if (breaks > 0) assert.ok(client.story.includes("recovered"), `${client.story}`);
  client.close();
  return breaks;
}

const cut = (client) => client.cut();

for (const manner of [kManners.trusting, kManners.repeating]) {
  test(`a cut at every event; the client ${manner.says}`, { timeout: 400_000 }, async () => {
    let place = 0;
    let last = kMostRounds;
    // Two stages side by side, each with rooms of its own.
    await Promise.all([1, 2].map(async () => {
      const own = await stage();
      while (place < last) {
        const here = ++place;
        if ((await round(own, [here], manner, cut)) === 0) last = Math.min(last, here);
      }
    }));
    assert.ok(last > kMissed && last < kMostRounds, `the last place was ${last}`);
    console.log(`cut at each of ${last - 1} events`);
  });
}

// Where nothing at all is committed meanwhile, all of an offset's rooms stand at one position of the log.
for (const [breakage, name] of [[cut, "cut"], [() => server.crash().then(() => server.launch()), "crash"]]) {
  test(`a ${name} at every event of three replays side by side in a silent log`, { timeout: 400_000 }, async () => {
    const [ann, bob] = people(server, "ann", "bob");
    const sender = await ann.connect();
    const missed = 7;
    const rooms = [];
    for (const name of ["A", "B", "C"]) {
      const { _id: room } = await ann.createRoom({ name, members: [bob.id] });
      for (let i = 1; i < missed; i++) await sender.send(room, { text: `${i}` });
      rooms.push(room);
    }
    const every = Array.from({ length: 3 * missed }, (_, i) => i + 1);
    const places = name === "cut" ? every : [1, missed, missed + 1, 2 * missed, 2 * missed + 1, 3 * missed];
    for (const place of places) {
      let received = 0;
      let broken = null;
      const joined = new Set();
      const client = await Client.connect(server, {
        token: bob.token,
        recover: true,
        onEvent: (event, self) => {
          if (placeOf(event) !== null && ++received === place) broken = breakage(self);
        },
      });
      const join = () => rooms.filter((room) => !joined.has(room)).map((room) =>
        client.ask("room:join", { roomId: room, after: client.lastSeq(room) }, 30_000)
          .then(accepted)
          .then(() => joined.add(room))
          .catch((error) => assert.match(error.message, /disconnected/)));
      client.socket.on("connect", join);
      await Promise.all(join());
      await eventually("all joins", () => joined.size === rooms.length);
      await broken;
      await client.connected();
      assert.equal((await client.ask("presence:watch", { userIds: [] })).status, "success");
      for (const room of rooms) {
        await client.until(`all of ${room}, a ${name} at ${place}`, () => client.lastSeq(room) >= missed);
        assertDense(client.seqs(room), 1, missed, `a ${name} at ${place}: ${client.story}`);
      }
      assert.ok(client.story.includes("recovered"), `${client.story}`);
      client.close();
    }
  });
}

test("cut again and again within one replay", { timeout: 400_000 }, async () => {
  const own = await stage();
  for (const every of [1, 2, 3, 5, 8, 13]) {
    const places = Array.from({ length: Math.ceil(50 / every) }, (_, i) => (i + 1) * every);
    const breaks = await round(own, places, kManners.trusting, cut);
    assert.ok(breaks >= 3, `${breaks} cuts`);
  }
});

test("the server is killed at an event of the replay", { timeout: 400_000 }, async () => {
  const own = await stage();
  for (const place of [1, 4, 9, 16, 25, 36]) {
    let killed = null;
    await round(own, [place], kManners.careful, () => {
      killed ??= server.crash().then(() => server.launch());
    });
    await killed;
  }
});
