// node amqplib.mjs URL QUEUE WINDOW MESSAGES: what bench/messaging/rabbitmq does, with npm amqplib and its confirm channel.
import amqp from "amqplib";

const [url, queue, windowText, messagesText] = process.argv.slice(2);
const window = Number(windowText);
const messages = Number(messagesText);
const publishing = await amqp.connect(url, { noDelay: true });
const consuming = await amqp.connect(url, { noDelay: true });
const out = await publishing.createConfirmChannel();
const inbound = await consuming.createChannel();
await inbound.assertQueue(queue, { durable: true });
await inbound.prefetch(window);

const body = Buffer.alloc(300, "x");
const latencies = [];
let sent = 0n;
let published = 0;
let handled = 0;
const begin = process.hrtime.bigint();
const cpu = process.cpuUsage();

const finished = new Promise((resolve) => {
  inbound.consume(queue, (message) => {
    if (window === 1) latencies.push(Number(process.hrtime.bigint() - sent) / 1000);
    inbound.ack(message);
    if (++handled === messages) resolve();
  });
});
function publish() {
  if (published >= messages) return;
  published += 1;
  if (window === 1) sent = process.hrtime.bigint();
  const options = { persistent: true, mandatory: true, messageId: `id-${published}`, type: "bench" };
  out.sendToQueue(queue, body, options, (error) => {
    if (error) throw error;
    publish();
  });
}
for (let i = 0; i < window; i += 1) publish();
await finished;

const used = process.cpuUsage(cpu);
const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
const figures = {
  what: "amqplib", messages,
  cpu_us: (used.user + used.system) / messages, per_second: Math.round(messages / seconds),
};
if (latencies.length > 0) {
  latencies.sort((a, b) => a - b);
  figures.p50_us = Math.round(latencies[latencies.length >> 1]);
  figures.p99_us = Math.round(latencies[Math.floor(latencies.length * 0.99)]);
}
console.log(JSON.stringify(figures));
// Without the closing handshake, whose end may reach a socket that is closed already.
process.exit(0);
