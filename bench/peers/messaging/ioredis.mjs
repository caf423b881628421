// ioredis with its pipelining on: the same commands as bench/messaging/redis/hiredis.cpp sends, a window of them awaited together.
//
//   node ioredis.mjs PORT lists|streams MESSAGES WINDOW
import Redis from "ioredis";

const [port, kind, messages, window] = [process.argv[2], process.argv[3], Number(process.argv[4]), Number(process.argv[5])];
const redis = new Redis({ port: Number(port), host: "127.0.0.1", enableAutoPipelining: true });
await redis.ping();
const body = "x".repeat(300);
const latencies = [];
let sent = 0n;
const note = () => window === 1 && latencies.push(Number(process.hrtime.bigint() - sent) / 1000);
const each = (call) => Promise.all(Array.from({ length: window }, call));

async function lists() {
  for (let done = 0; done < messages; done += window) {
    sent = process.hrtime.bigint();
    await each(() => redis.lpush("node:ready", body));
    const held = await each(() => redis.lmove("node:ready", "node:held", "RIGHT", "LEFT"));
    note();
    await Promise.all(held.map((message) => redis.lrem("node:held", -1, message)));
  }
}

async function streams() {
  await redis.xgroup("CREATE", "node:stream", "readers", "0", "MKSTREAM");
  for (let done = 0; done < messages; done += window) {
    sent = process.hrtime.bigint();
    await each(() => redis.xadd("node:stream", "*", "message", body));
    const [[, entries]] = await redis.xreadgroup("GROUP", "readers", "me", "COUNT", window, "STREAMS", "node:stream", ">");
    note();
    await redis.xack("node:stream", "readers", ...entries.map(([id]) => id));
  }
}

const before = process.cpuUsage();
const begin = process.hrtime.bigint();
await (kind === "streams" ? streams() : lists());
const { user, system } = process.cpuUsage(before);
const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
latencies.sort((a, b) => a - b);
const at = (share) => (latencies.length > 0 ? latencies[Math.floor(latencies.length * share)] : undefined);
const figures = { what: "ioredis", messages, cpu_us: (user + system) / messages, per_second: Math.round(messages / seconds) };
console.log(JSON.stringify({ ...figures, p50_us: at(0.5), p99_us: at(0.99) }));
redis.disconnect();
