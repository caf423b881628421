// A Socket.IO connection over a bare WebSocket: enough of Engine.IO v4 and Socket.IO v5 for this page.
//
//   const socket = new Socket(() => token, { connected() {}, disconnected(refusal) {}, event(name, data) {} });
//   const answer = await socket.ask("room:join", { roomId });   // the acknowledgement; rejects if the connection ends
//
// It comes back by itself, slower each time, until close() or until the server says to stay away.

const kAckMs = 15_000;
const kFirstDelayMs = 500;
const kLastDelayMs = 10_000;

export class Socket {
  constructor(token, handlers) {
    this.token = token;
    this.handlers = handlers;
    this.waiting = new Map();
    this.lastAsk = 0;
    this.tries = 0;
    this.connected = false;
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const wire = new WebSocket(`${scheme}//${location.host}/socket.io/?EIO=4&transport=websocket`);
    this.wire = wire;
    wire.onmessage = ({ data }) => {
      if (wire === this.wire && typeof data === "string") this.onPacket(data);
    };
    wire.onclose = () => {
      if (wire === this.wire) this.onClosed();
    };
  }

  // Engine.IO: 0 open, 1 close, 2 ping, 3 pong, 4 message. Socket.IO, after the 4: 0 CONNECT, 1 DISCONNECT, 2 EVENT,
  // 3 ACK, 4 CONNECT_ERROR.
  onPacket(packet) {
    if (packet[0] === "0") {
      const { pingInterval, pingTimeout } = JSON.parse(packet.slice(1));
      this.silence = pingInterval + pingTimeout;
      this.wire.send(`40${JSON.stringify({ token: this.token() })}`);
    } else if (packet[0] === "2") {
      this.wire.send("3");
    } else if (packet[0] === "1") {
      this.wire.close();
    } else if (packet[0] === "4") {
      this.onMessage(packet[1], packet.slice(2));
    }
    clearTimeout(this.silent);
    if (this.silence) this.silent = setTimeout(() => this.drop(), this.silence);
  }

  onMessage(type, rest) {
    if (type === "0") {
      this.connected = true;
      this.tries = 0;
      this.handlers.connected();
    } else if (type === "2") {
      const [name, data] = JSON.parse(rest.replace(/^[0-9]+/, ""));
      this.handlers.event(name, data);
    } else if (type === "3") {
      const bracket = rest.indexOf("[");
      const ask = this.waiting.get(Number(rest.slice(0, bracket)));
      if (ask) ask.resolve(JSON.parse(rest.slice(bracket))[0]);
    } else if (type === "1" || type === "4") {
      this.refused = type === "4" ? JSON.parse(rest).message : "the session ended";
      this.wire.close();
    }
  }

  // The connection says nothing any more: closing it properly could take as long again.
  drop() {
    const { wire } = this;
    this.wire = null;
    wire.close();
    this.onClosed();
  }

  onClosed() {
    clearTimeout(this.silent);
    this.connected = false;
    for (const { reject } of [...this.waiting.values()]) reject(new Error("the connection ended"));
    this.handlers.disconnected(this.refused);
    if (this.refused || this.ended) return;
    const delay = Math.min(kLastDelayMs, kFirstDelayMs * 2 ** this.tries++) * (0.5 + Math.random());
    this.again = setTimeout(() => this.open(), delay);
  }

  emit(name, data) {
    if (this.connected) this.wire.send(`42${JSON.stringify([name, data])}`);
  }

  // The answer's body; rejects if the connection ends or nothing comes: then the outcome is unknown.
  ask(name, data) {
    if (!this.connected) return Promise.reject(new Error("not connected"));
    const id = ++this.lastAsk;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.waiting.get(id).reject(new Error("no answer")), kAckMs);
      const settle = (how) => (value) => {
        clearTimeout(timer);
        this.waiting.delete(id);
        how(value);
      };
      this.waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      this.wire.send(`42${id}${JSON.stringify([name, data])}`);
    });
  }

  close() {
    this.ended = true;
    clearTimeout(this.again);
    this.wire?.close();
  }
}
