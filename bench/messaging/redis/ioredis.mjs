// ioredis with its pipelining on: the same commands as hiredis.cpp sends, a window of them awaited together.
//
//   node ioredis.mjs PORT lists|streams MESSAGES WINDOW
import { createRequire } from 'node:module';
import path from 'node:path';
const require = createRequire(path.join(process.cwd(), 'package.json'));
const Redis = require('ioredis');

const [port, kind, messages, window] = [process.argv[2], process.argv[3], Number(process.argv[4]), Number(process.argv[5])];
const redis = new Redis({ port: Number(port), host: '127.0.0.1', enableAutoPipelining: true });
await redis.ping();
const body = 'x'.repeat(300);
const each = (call) => Promise.all(Array.from({ length: window }, call));

async function lists() {
  for (let done = 0; done < messages; done += window) {
    await each(() => redis.lpush('node:ready', body));
    const held = await each(() => redis.lmove('node:ready', 'node:held', 'RIGHT', 'LEFT'));
    await Promise.all(held.map((message) => redis.lrem('node:held', -1, message)));
  }
}

async function streams() {
  await redis.xgroup('CREATE', 'node:stream', 'readers', '0', 'MKSTREAM');
  for (let done = 0; done < messages; done += window) {
    await each(() => redis.xadd('node:stream', '*', 'message', body));
    const [[, entries]] = await redis.xreadgroup('GROUP', 'readers', 'me', 'COUNT', window, 'STREAMS', 'node:stream', '>');
    await redis.xack('node:stream', 'readers', ...entries.map(([id]) => id));
  }
}

const before = process.cpuUsage();
const begin = process.hrtime.bigint();
await (kind === 'streams' ? streams() : lists());
const { user, system } = process.cpuUsage(before);
const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
console.log(JSON.stringify({ cpu_us: (user + system) / messages, rate: Math.round(messages / seconds) }));
redis.disconnect();
