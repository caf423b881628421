// The chat page. The server's state is the truth; this page shows it and sends commands.
import { Socket } from "/socket.js";

const $ = (id) => document.getElementById(id);
const kReadMs = 400;
const kTypingMs = 3_000;
const kRetryMs = 2_000;

let token = null;
let me = null;
let socket = null;
const rooms = new Map();   // id → room, as GET /rooms shows it
const names = new Map();   // user id → name
let open = null;           // {id, last: newest seq that was applied, messages: Map by seq, hasBefore}

// ——— calls ———

async function call(method, path, body) {
  const answer = await fetch(`/api/v1${path}`, {
    method,
    headers: { ...(token && { authorization: `Bearer ${token}` }), ...(body && { "content-type": "application/json" }) },
    body: body && JSON.stringify(body),
  });
  const json = await answer.json();
  if (json.status === "success") return json;
  throw Object.assign(new Error(json.error.message), { code: json.error.code });
}

const enc = encodeURIComponent;

function nameOf(userId) {
  if (!names.has(userId)) {
    names.set(userId, userId);
    call("GET", `/users/${enc(userId)}`).then(({ data }) => {
      if (!data.name) return;
      names.set(userId, data.name);
      drawRooms();
      drawMessages();
    }, () => {});
  }
  return names.get(userId);
}

// ——— coming in ———

async function begin(shown) {
  token = shown;
  try {
    me = (await call("GET", "/me")).data;
  } catch (error) {
    return leave(error.message);
  }
  sessionStorage.setItem("token", token);
  names.set(me._id, me.name || me._id);
  $("me").textContent = names.get(me._id);
  $("entry").hidden = true;
  $("chat").hidden = $("logout").hidden = false;
  socket = new Socket(() => token, { connected: onConnected, disconnected: onDisconnected, event: onEvent });
}

function leave(reason = "") {
  socket?.close();
  socket = token = me = open = null;
  rooms.clear();
  for (const id of ["rooms", "messages", "members", "typing"]) $(id).replaceChildren();
  sessionStorage.removeItem("token");
  $("entry").hidden = false;
  $("chat").hidden = $("logout").hidden = $("room").hidden = true;
  $("me").textContent = "";
  $("status").textContent = "";
  $("entry-error").textContent = reason;
}

function onConnected() {
  $("status").textContent = "";
  loadRooms();
  if (open) join(open);
  flush();
}

function onDisconnected(refusal) {
  if (!socket) return;
  if (refusal) return leave(refusal);
  $("status").textContent = "connecting…";
}

// ——— rooms ———

async function loadRooms() {
  const found = new Map();
  let cursor = "";
  do {
    const page = await call("GET", `/rooms?limit=200${cursor && `&cursor=${enc(cursor)}`}`).catch(() => null);
    if (!page) return;
    for (const room of page.data) found.set(room._id, room);
    cursor = page.next;
  } while (cursor);
  rooms.clear();
  for (const [id, room] of found) rooms.set(id, room);
  drawRooms();
}

let loading;
function loadRoomsSoon() {
  clearTimeout(loading);
  loading = setTimeout(loadRooms, 200);
}

function titleOf(room) {
  return room.name || (room.kind === "direct" ? "direct room" : room._id);
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function drawRooms() {
  const at = (room) => room.lastMessage?.at ?? room.createdAt;
  const sorted = [...rooms.values()].sort((a, b) => (at(a) < at(b) ? 1 : -1));
  $("rooms").replaceChildren(...sorted.map((room) => {
    const button = element("button", "", titleOf(room));
    button.type = "button";
    button.ariaCurrent = String(room._id === open?.id);
    if (room.unread > 0 && room._id !== open?.id) button.prepend(element("span", "unread", room.unread));
    const last = room.lastMessage;
    button.append(element("span", "preview", last ? `${nameOf(last.senderId)}: ${last.value}` : "nothing yet"));
    button.onclick = () => openRoom(room._id);
    const item = element("li");
    item.append(button);
    return item;
  }));
}

async function openRoom(id) {
  if (open && open.id !== id) socket.emit("room:leave", { roomId: open.id });
  const room = { id, last: 0, messages: new Map(), hasBefore: false, typing: new Set() };
  open = room;
  $("room").hidden = false;
  $("room-name").textContent = rooms.has(id) ? titleOf(rooms.get(id)) : id;
  $("members").textContent = "";
  drawRooms();
  drawMessages();
  try {
    const { data } = await call("GET", `/rooms/${enc(id)}/messages`);
    if (open !== room) return;
    for (const message of data.messages) room.messages.set(message.seq, message);
    room.last = data.head;
    room.hasBefore = data.hasBefore;
    drawMessages(true);
    await join(room);
    await loadMembers(room);
  } catch (error) {
    if (open === room) $("members").textContent = error.message;
  }
  $("send").elements.text.focus();
}

// From what was applied last, so that nothing is missing after a break, and nothing comes twice.
async function join(room) {
  const answer = await socket.ask("room:join", { roomId: room.id, after: room.last }).catch(() => null);
  if (answer?.status === "error" && open === room) {
    open = null;
    $("room").hidden = true;
    loadRooms();
  }
  if (answer?.status === "success") markRead();
}

async function loadMembers(room) {
  const { data } = await call("GET", `/rooms/${enc(room.id)}/members`);
  if (open === room) $("members").textContent = data.map(({ userId }) => nameOf(userId)).join(", ");
}

let reading;
function markRead() {
  if (reading || document.hidden) return;
  reading = setTimeout(() => {
    reading = null;
    if (!open || document.hidden) return;
    socket.emit("room:read", { roomId: open.id, seq: open.last });
    const room = rooms.get(open.id);
    if (room) room.unread = 0;
  }, kReadMs);
}

// ——— events ———

function onEvent(name, event) {
  if (name === "ROOM_UPDATED") {
    const room = rooms.get(event.roomId);
    if (!room) return loadRoomsSoon();
    Object.assign(room, { lastMessage: event.lastMessage, unread: event.unread, head: event.head });
    return drawRooms();
  }
  if (name === "SESSION_ENDED") return leave(`the session ended: ${event.code}`);
  const here = open && event.roomId === open.id;
  if (name === "MEMBERS_CHANGED" || name === "ROOM_CHANGED") {
    loadRoomsSoon();
    if (here) loadMembers(open).catch(() => {});
  }
  if (!here) return;
  if (name === "TYPING") return onTyping(event);
  if (name === "SEEN") return onSeen(event);
  const seq = name === "NEW_MESSAGE" ? event.data.seq : event.seq;
  if (seq === undefined || seq <= open.last) return;
  open.last = seq;
  if (name === "NEW_MESSAGE") {
    const message = event.data;
    open.messages.set(message.seq, message);
    open.typing.delete(message.created_by);
    drawTyping();
    const room = rooms.get(open.id);
    if (room) {
      room.lastMessage = { value: message.contact?.name ?? message.media.at(-1)?.filename ?? message.text,
        senderId: message.created_by, at: message.created_at };
      drawRooms();
    }
  } else if (name === "MESSAGE_UPDATED" || name === "MESSAGE_DELETED") {
    const old = open.messages.get(event.data.seq);
    if (old) open.messages.set(event.data.seq, { ...event.data, seen_by: old.seen_by });
    if (event.data.seq >= (rooms.get(open.id)?.lastMessage?.seq ?? 0)) loadRoomsSoon();
  }
  drawMessages();
  markRead();
}

function onTyping({ userId, active }) {
  if (active) open.typing.add(userId);
  else open.typing.delete(userId);
  drawTyping();
}

function drawTyping() {
  const who = [...open.typing].map(nameOf);
  $("typing").textContent = who.length ? `${who.join(", ")} ${who.length > 1 ? "are" : "is"} typing…` : "";
}

function onSeen({ seen }) {
  for (const { userId, seq } of seen) {
    for (const message of open.messages.values()) {
      if (message.seq <= seq && message.created_by !== userId && !message.seen_by.includes(userId)) {
        message.seen_by.push(userId);
      }
    }
  }
  drawMessages();
}

// ——— messages ———

function tool(text, title, action) {
  const button = element("button", "", text);
  button.type = "button";
  button.title = title;
  button.onclick = action;
  return button;
}

async function command(name, data) {
  const answer = await socket.ask(name, data).catch((error) => ({ status: "error", error }));
  $("status").textContent = answer.status === "error" ? answer.error.message : "";
}

function drawOne(message) {
  const item = element("li");
  const where = { roomId: open.id, messageId: message._id };
  const mine = message.created_by === me._id;
  if (!message.deleted_at) {
    const tools = element("span", "tools");
    for (const emoji of ["👍", "❤️", "😂"]) tools.append(tool(emoji, "React", () => command("message:react", { ...where, emoji })));
    tools.append(tool("Reply", "Reply", () => setReply(message)));
    if (mine) {
      tools.append(tool("Edit", "Edit", () => {
        const text = prompt("The new text", message.text);
        if (text !== null && text !== message.text) command("message:edit", { ...where, text });
      }));
    }
    tools.append(tool("Delete", "Delete", () => confirm("Delete this message for everyone?") && command("message:delete", where)));
    item.append(tools);
  }
  item.append(element("span", "by", nameOf(message.created_by)));
  item.append(element("time", "", new Date(message.created_at).toLocaleTimeString()));
  if (message.edited_at && !message.deleted_at) item.append(element("span", "mark", "edited"));
  if (message.reply_to) {
    item.append(element("div", "quote", `${nameOf(message.reply_to.created_by)}: ${message.reply_to.text || "…"}`));
  }
  if (message.deleted_at) item.append(element("div", "gone", "deleted"));
  else item.append(element("div", "text", textOf(message)));
  for (const { emoji, count, users } of message.reactions) {
    const own = users.includes(me._id);
    const button = tool(`${emoji} ${count}`, users.map(nameOf).join(", "), () => command("message:react", { ...where, emoji, remove: own }));
    button.className = own ? "reaction mine" : "reaction";
    item.append(button);
  }
  if (mine && message.seen_by.length) item.append(element("span", "mark", `seen by ${message.seen_by.map(nameOf).join(", ")}`));
  return item;
}

function textOf(message) {
  const parts = [];
  if (message.contact) parts.push(`☎ ${message.contact.name} ${[...message.contact.phones, ...message.contact.emails].join(" ")}`);
  for (const { filename } of message.media) parts.push(`🖼 ${filename}`);
  if (message.text) parts.push(message.text);
  return parts.join("\n");
}

let drawing = false;
function drawMessages(toEnd = false) {
  if (!open) return;
  const box = $("scroll");
  const atEnd = toEnd || box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  if (drawing && !toEnd) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    if (!open) return;
    const sorted = [...open.messages.values()].sort((a, b) => a.seq - b.seq);
    const waiting = outbox().filter(({ roomId }) => roomId === open.id).map(({ text }) => element("li", "pending", `${text} …`));
    $("messages").replaceChildren(...sorted.map(drawOne), ...waiting);
    $("earlier").hidden = !open.hasBefore;
    if (atEnd) box.scrollTop = box.scrollHeight;
  });
}

$("earlier").onclick = async () => {
  const room = open;
  const before = Math.min(...room.messages.keys());
  const { data } = await call("GET", `/rooms/${enc(room.id)}/messages?before=${before}`);
  for (const message of data.messages) room.messages.set(message.seq, message);
  room.hasBefore = data.hasBefore;
  drawMessages();
};

// ——— sending ———

// What is not acknowledged yet, in order. Kept over a reload; the clientMessageId makes a repeat harmless.
const outbox = () => JSON.parse(sessionStorage.getItem(`outbox ${me?._id}`) ?? "[]");
const setOutbox = (list) => sessionStorage.setItem(`outbox ${me?._id}`, JSON.stringify(list));

let replyTo = null;
function setReply(message) {
  replyTo = message?._id ?? null;
  $("send").elements.text.placeholder = message ? `A reply to ${nameOf(message.created_by)}` : "A message";
  $("send").elements.text.focus();
}

let flushing = false;
async function flush() {
  if (flushing || !socket?.connected) return;
  flushing = true;
  for (let [first] = outbox(); first && socket?.connected; [first] = outbox()) {
    const answer = await socket.ask("message:send", first).catch(() => null);
    const again = !answer || ["rate_limited", "unavailable", "storage_full", "timeout"].includes(answer.error?.code);
    if (again) {
      $("status").textContent = answer?.error.message ?? "sending again…";
      await new Promise((done) => setTimeout(done, kRetryMs));
      continue;
    }
    $("status").textContent = answer.status === "error" ? `not sent: ${answer.error.message}` : "";
    setOutbox(outbox().filter(({ clientMessageId }) => clientMessageId !== first.clientMessageId));
    drawMessages();
  }
  flushing = false;
}

// randomUUID is there on https and on localhost only.
function clientId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

$("send").onsubmit = (event) => {
  event.preventDefault();
  const field = $("send").elements.text;
  const text = field.value;
  if (!open || text.trim() === "") return;
  setOutbox([...outbox(), { roomId: open.id, text, ...(replyTo && { replyTo }), clientMessageId: clientId() }]);
  field.value = "";
  setReply(null);
  typed = 0;
  socket.emit("typing", { roomId: open.id, active: false });
  drawMessages(true);
  flush();
};

let typed = 0;
$("send").elements.text.oninput = () => {
  if (!open || Date.now() - typed < kTypingMs) return;
  typed = Date.now();
  socket.emit("typing", { roomId: open.id, active: true });
};
$("send").elements.text.onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("send").requestSubmit();
  }
};

// ——— forms ———

$("login").onsubmit = async (event) => {
  event.preventDefault();
  const { username, password } = event.target.elements;
  try {
    const { data } = await call("POST", `/auth/${event.submitter.value}`, { username: username.value, password: password.value });
    password.value = "";
    begin(data.token);
  } catch (error) {
    $("entry-error").textContent = error.message;
  }
};
$("paste").onsubmit = (event) => {
  event.preventDefault();
  begin(event.target.elements.token.value.trim());
};
$("create").onsubmit = async (event) => {
  event.preventDefault();
  const { name, members, kind } = event.target.elements;
  try {
    const ids = members.value.split(",").map((id) => id.trim()).filter(Boolean);
    const { data } = await call("POST", "/rooms", { name: name.value, members: ids, kind: kind.value });
    event.target.reset();
    $("create-error").textContent = "";
    rooms.set(data._id, data);
    openRoom(data._id);
  } catch (error) {
    $("create-error").textContent = error.message;
  }
};
$("logout").onclick = () => {
  setOutbox([]);
  leave();
};
document.onvisibilitychange = () => open && markRead();

function start() {
  const shown = new URLSearchParams(location.hash.slice(1)).get("token");
  if (shown) {
    history.replaceState(null, "", location.pathname);  // the token is not to stay in the address
    if (me) leave();
    return begin(shown);
  }
  const kept = sessionStorage.getItem("token");
  if (kept && !me) return begin(kept);
  if (!me) leave();
}
window.onhashchange = start;
start();
