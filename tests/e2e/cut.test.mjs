// The connection is cut after every single event of a replay that runs between live traffic in two other rooms.
//
// A client with recovery is live in rooms A and B and joins R with {after: 0}; ~30 events of R were missed, and A and B
// go on. In round n the transport breaks right after the n-th event that the client received. It comes back by itself
// and, in the end, must have seen every number of every room once and in order.
import assert from "node:assert/strict";
import { ok } from "../lib/http.mjs";
import { people } from "../lib/people.mjs";
import { Client, assertDense, placeOf } from "../lib/socket.mjs";
import { sharedServer, test } from "../lib/testing.mjs";

const kMissed = 30;
const kBurst = 12;
const kMostCuts = 150;

const server = await sharedServer();

async function stage() {
  const [ann, bob] = people(server, "ann", "bob");
  const [a, b, r] = await Promise.all(["A", "B", "R"].map((name) => ann.createRoom({ name, members: [bob.id] })));
  const rooms = { a: a._id, b: b._id, r: r._id };
  const sent = [];
  for (let i = 0; i < kMissed - 4; i++) sent.push(await ann.send(rooms.r, `r${i}`));
  ok(await ann.edit(rooms.r, sent[1]._id, "edited"));
  ok(await ann.remove(rooms.r, sent[2]._id));
  ok(await ann.react(rooms.r, sent[3]._id, "👍"));
  const sender = await ann.connect();
  return { ann, bob, rooms, sender };
}

// How the client behaves after a reconnect whose join was not acknowledged.
const kManners = {
  // Trusts `recovered`, once it knows that the server took the join up: by its acknowledgement or any event of R.
  "joins again only if not recovered": ({ client, acked, r }) => !client.recovered || (!acked && client.lastSeq(r) === 0),
  // Repeats the unacknowledged join as it was.
  "repeats an unacknowledged join": ({ client, acked }) => !client.recovered || !acked,
};

// One round; resolves with the number of cuts that were made.
async function round({ bob, sender, rooms }, cutsAt, mustRejoin, breakIt) {
  let cuts = 0;
  let received = 0;
  let counting = false;
  let acked = false;
  let joining = null;
  const starts = {};
  const client = await Client.connect(server, {
    token: bob.token,
    recover: true,
    onEvent: (event, self) => {
      if (!counting || placeOf(event) === null) return;
      received++;
      if (cutsAt.includes(received)) {
        cuts++;
        breakIt(self);
      }
    },
  });
  for (const name of ["a", "b"]) starts[name] = (await client.join(rooms[name])).head + 1;

  const join = (after) => {
    joining = client
      .ask("room:join", { roomId: rooms.r, after }, 30_000)
      .then((ack) => {
        assert.equal(ack.status, "success", JSON.stringify(ack));
        acked = true;
      })
      .catch((error) => {
        if (!/disconnected/.test(error.message)) throw error;
      });
  };
  let failure = null;
  client.socket.on("connect", () => {
    if (mustRejoin({ client, acked, r: rooms.r })) {
      join(client.lastSeq(rooms.r));
      joining.catch((error) => (failure ??= error));
    }
  });

  // Traffic in A and B before, while and after the replay runs.
  const traffic = [];
  const burst = () => {
    for (let i = 0; i < kBurst; i++) traffic.push(sender.send(rooms[i % 2 ? "a" : "b"], { text: `t${i}` }));
  };
  counting = true;
  burst();
  join(0);
  joining.catch((error) => (failure ??= error));
  burst();
  const heads = Object.fromEntries(await Promise.all([
    (async () => ["r", kMissed])(),
  ]));
  await Promise.all(traffic);
  // After the traffic one last message a room: what comes late or twice comes before it.
  counting = false;
  for (const name of ["a", "b", "r"]) heads[name] = (await sender.send(rooms[name], { text: "the end" })).seq;
  counting = true;
  for (const name of ["a", "b", "r"]) {
    await client.until(`the end of ${name}`, () => {
      if (failure) throw failure;
      return client.lastSeq(rooms[name]) >= heads[name];
    });
  }
  // The last cut may have come with the very last event: once more back, and nothing is repeated.
  await client.connected();
  const fence = await client.ask("presence:watch", { userIds: [] });
  assert.equal(fence.status, "success");
  counting = false;
  assertDense(client.seqs(rooms.a), starts.a, heads.a, `A, cut at ${cutsAt}; ${client.story}`);
  assertDense(client.seqs(rooms.b), starts.b, heads.b, `B, cut at ${cutsAt}; ${client.story}`);
  assertDense(client.seqs(rooms.r), 1, heads.r, `R, cut at ${cutsAt}; ${client.story}`);
  if (cuts > 0) assert.ok(client.story.includes("recovered"), `${client.story}`);
  client.close();
  return cuts;
}

const rawCut = (client) => client.cut();

for (const [manner, mustRejoin] of Object.entries(kManners)) {
  test(`a cut at every event; the client ${manner}`, { timeout: 400_000 }, async () => {
    let rounds = 0;
    let next = 1;
    let more = true;
    // Two stages side by side, each with rooms of its own.
    await Promise.all([1, 2].map(async () => {
      const own = await stage();
      while (more && next <= kMostCuts) {
        const n = next++;
        if ((await round(own, [n], mustRejoin, rawCut)) === 0) more = false;
        rounds++;
      }
    }));
    assert.ok(rounds > kMissed, `${rounds} rounds`);
    console.log(`cut at every event (${manner}): ${rounds} rounds`);
  });
}

test("cut again and again within one replay", { timeout: 400_000 }, async () => {
  const own = await stage();
  for (const every of [1, 2, 3, 5, 8, 13]) {
    const cutsAt = Array.from({ length: Math.ceil(40 / every) }, (_, i) => (i + 1) * every);
    const cuts = await round(own, cutsAt, kManners["joins again only if not recovered"], rawCut);
    assert.ok(cuts >= 2, `${cuts} cuts`);
  }
});

test("the server is killed at an event of the replay", { timeout: 400_000 }, async () => {
  const own = await stage();
  for (const n of [1, 4, 9, 16, 25, 36]) {
    let crash = null;
    const sending = own.sender;
    // The traffic's sender must outlive the crash: its sends are repeated until acknowledged.
    own.sender = {
      send: async (room, body) => {
        const clientMessageId = `k${n}-${Math.random()}`;
        for (;;) {
          try {
            return await sending.send(room, { ...body, clientMessageId });
          } catch (error) {
            if (!/disconnected|timed out/.test(error.message)) throw error;
            await sending.connected();
          }
        }
      },
    };
    await round(own, [n], kManners["repeats an unacknowledged join"], () => {
      crash ??= server.crash().then(() => server.launch());
    });
    await crash;
    own.sender = sending;
  }
});
