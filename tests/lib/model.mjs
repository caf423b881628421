// What a room must look like, kept in plain JavaScript beside the server.
//
// Every change is applied with the seq that the server gave it; preview, unread and mentions are recounted from
// scratch each time, never counted on.
export class RoomModel {
  head = 1;
  messages = [];              // {id, seq, by, text, media, contact, type, mentions, deleted, reactions, at, members}
  members = new Map();        // userId → {role, joined: seq}
  positions = new Map();      // userId → seq
  rejoined = new Set();       // members who were away once: how old positions and visibility count for them is open

  constructor(owner, members) {
    this.members.set(owner, { role: "owner", joined: 1 });
    for (const member of members) this.members.set(member, { role: "member", joined: 1 });
  }

  get roles() {
    return Object.fromEntries([...this.members].map(([id, { role }]) => [id, role]));
  }

  message(id) {
    return this.messages.find((message) => message.id === id);
  }

  sent(seq, message) {
    this.head = seq;
    this.messages.push({ deleted: false, reactions: new Map(), members: new Set(this.members.keys()), seq, ...message });
  }

  edited(seq, id, text) {
    this.head = seq;
    const message = this.message(id);
    message.text = text;
    message.edited = true;
  }

  deleted(seq, id) {
    this.head = seq;
    const message = this.message(id);
    Object.assign(message, { deleted: true, text: "", media: [], contact: null });
  }

  reacted(seq, id, user, emoji) {
    this.head = seq;
    const { reactions } = this.message(id);
    if (!reactions.has(emoji)) reactions.set(emoji, new Set());
    reactions.get(emoji).add(user);
  }

  unreacted(seq, id, user, emoji) {
    this.head = seq;
    const { reactions } = this.message(id);
    reactions.get(emoji).delete(user);
    if (reactions.get(emoji).size === 0) reactions.delete(emoji);
  }

  joined(seq, users) {
    this.head = seq;
    for (const user of users) {
      if (this.positions.has(user) || this.gone?.has(user)) this.rejoined.add(user);
      this.members.set(user, { role: "member", joined: seq });
    }
  }

  left(seq, user) {
    this.head = seq;
    (this.gone ??= new Set()).add(user);
    this.members.delete(user);
  }

  roleChanged(seq, user, role) {
    this.head = seq;
    this.members.get(user).role = role;
  }

  // Positions only rise and stop at head.
  read(user, seq) {
    this.positions.set(user, Math.max(this.positions.get(user) ?? 0, Math.min(seq, this.head)));
  }

  counted(user) {
    const from = Math.max(this.positions.get(user) ?? 0, this.members.get(user).joined);
    return this.messages.filter((message) => message.by !== user && !message.deleted && message.seq > from);
  }

  unread(user) {
    return this.counted(user).length;
  }

  mentions(user) {
    return this.counted(user).filter((message) => message.mentions.includes(user)).length;
  }

  get lastMessage() {
    const last = this.messages.findLast((message) => !message.deleted);
    if (!last) return null;
    const value = last.contact?.name ?? last.media.at(-1)?.filename ?? last.text;
    const type = { image: "media" }[last.type] ?? last.type;
    return { value, type, messageId: last.id, seq: last.seq, senderId: last.by };
  }

  // {surely, maybe}: the members at the newest message who still are, and those of whom the contract does not say.
  get visibleOn() {
    const last = this.messages.findLast((message) => !message.deleted);
    const who = last ? [...last.members].filter((user) => this.members.has(user)) : [];
    return {
      surely: who.filter((user) => !this.rejoined.has(user)),
      maybe: who.filter((user) => this.rejoined.has(user)),
    };
  }

  // The same for who has seen a message.
  seenBy(message) {
    const who = [...this.members.keys()].filter(
      (user) => user !== message.by && (this.positions.get(user) ?? 0) >= message.seq,
    );
    return {
      surely: who.filter((user) => !this.rejoined.has(user)),
      maybe: who.filter((user) => this.rejoined.has(user)),
    };
  }
}

// unread and mentions of `user` recounted from the server's own documents.
export function recount(messages, user, position, joined) {
  const counted = messages.filter(
    (message) => message.created_by !== user && message.deleted_at === null && message.seq > Math.max(position, joined),
  );
  return { unread: counted.length, mentions: counted.filter(({ mentions }) => mentions.includes(user)).length };
}
