// A TCP connection that sends any bytes and keeps what came back: for requests that no HTTP library would send.
import { connect } from "node:net";
import { patience, within } from "../../support/deadline.mjs";

export class RawConnection {
  received = Buffer.alloc(0);
  ended = false;
  changed = () => {};

  static async open(server) {
    const connection = RawConnection.begin(server);
    await connection.until("TCP connection", () => connection.ended || !connection.socket.connecting);
    return connection;
  }

  // Does not wait until the connection is made.
  static begin(server) {
    const connection = new RawConnection();
    const socket = connect({ port: server.port, host: "127.0.0.1", noDelay: true });
    connection.socket = socket;
    const end = () => {
      connection.ended = true;
      connection.changed();
    };
    socket.on("data", (chunk) => {
      connection.received = Buffer.concat([connection.received, chunk]);
      connection.changed();
    });
    // After a reset the answer may be lost; the connection counts as closed all the same.
    for (const event of ["error", "end", "close"]) socket.on(event, end);
    socket.on("connect", () => connection.changed());
    return connection;
  }

  get text() {
    return this.received.toString("latin1");
  }

  send(bytes) {
    if (!this.ended) this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  // Sends each byte in a TCP packet of its own.
  async sendByByte(bytes) {
    for (const byte of Buffer.from(bytes)) {
      await new Promise((resolve) => this.socket.write(Buffer.of(byte), resolve));
    }
  }

  // Resolves when `probe`, asked again whenever something came, is true.
  async until(what, probe, ms = patience.ms) {
    const end = Date.now() + ms;
    while (!probe()) {
      const change = new Promise((resolve) => (this.changed = resolve));
      await within(change, what, Math.max(0, end - Date.now()));
    }
  }

  expectClosed(ms) {
    return this.until("close of the TCP connection", () => this.ended, ms);
  }

  // The first HTTP answer on the connection, taken off `received`; null if the connection ended without one.
  async answer(ms) {
    let parsed;
    await this.until("HTTP answer", () => (parsed = parseAnswer(this.received, this.ended)) || this.ended, ms);
    if (!parsed) return null;
    this.received = this.received.subarray(parsed.length);
    return parsed;
  }

  // The status of the answer, or "closed": what a request gets that is not worth an answer.
  async status(ms) {
    return (await this.answer(ms))?.status ?? "closed";
  }

  async expectText(pattern) {
    await this.until(`${pattern}`, () => pattern.test(this.text));
  }

  // Frees the connection; `reset` by RST, as a client that vanishes.
  close({ reset = false } = {}) {
    if (reset) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }
}

function parseAnswer(bytes, ended) {
  const text = bytes.toString("latin1");
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [statusLine, ...lines] = text.slice(0, end).split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1]);
  if (!status) throw new Error(`no HTTP answer: ${statusLine}`);
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const start = end + 4;
  if (status < 200 || status === 204 || status === 304) return { status, headers, body: "", length: start };
  if (headers["content-length"] !== undefined) {
    const length = start + Number(headers["content-length"]);
    return bytes.length < length ? null : { status, headers, body: text.slice(start, length), length };
  }
  if (/chunked/i.test(headers["transfer-encoding"] ?? "")) {
    const last = text.indexOf("0\r\n\r\n", start);
    return last < 0 ? null : { status, headers, body: text.slice(start, last), length: last + 5 };
  }
  return ended ? { status, headers, body: text.slice(start), length: bytes.length } : null;
}
