// What must hold after all kills, decided from what was acknowledged, what readers saw and what the log says.
// Everything here is plain data, so that the check itself is tested (check.test.mjs).
//
//   acknowledged: [{id (clientMessageId), room, messageId, seq}]     refused: [{id, room}]
//   seen:         {readerName: {room: [{seq, name, messageId}]}}     from: {readerName: {room: first seq expected}}
//   logs:         {room: [{seq, type, data}]}, whole and ascending

const kSocketEvents = {
  "message.created": "NEW_MESSAGE", "message.updated": "MESSAGE_UPDATED", "message.deleted": "MESSAGE_DELETED",
  "member.joined": "MEMBERS_CHANGED", "member.left": "MEMBERS_CHANGED", "member.updated": "MEMBERS_CHANGED",
  "room.created": "ROOM_CHANGED", "room.updated": "ROOM_CHANGED", "room.deleted": "ROOM_CHANGED",
};

// Each finder returns a list of lines, empty if all is well.
export function holes(logs) {
  return Object.entries(logs).flatMap(([room, log]) =>
    log.flatMap(({ seq }, i) => (seq === i + 1 ? [] : [`log of ${room}: ${seq} at place ${i + 1}`])).slice(0, 3),
  );
}

// Every acknowledged message is in its room's log once, under the acknowledged number and id.
export function lost(acknowledged, logs) {
  const byClientId = createdByClientId(logs);
  const byMessageId = new Map();
  for (const [room, log] of Object.entries(logs)) {
    for (const { seq, type, data } of log) if (type === "message.created") byMessageId.set(data._id, { room, seq, data });
  }
  return acknowledged.flatMap(({ id, room, messageId, seq }) => {
    const one = byMessageId.get(messageId);
    if (!one) {
      const other = byClientId.get(id)?.[0];
      const instead = other ? `; the id is at ${other.seq} of ${other.room} as ${other.data._id}` : "";
      return [`acknowledged and lost: ${id} (${messageId}, ${seq} of ${room})${instead}`];
    }
    if (one.room !== room || one.seq !== seq) return [`${id} was acknowledged as ${seq} of ${room} and is ${one.seq} of ${one.room}`];
    const times = byClientId.get(id)?.length ?? 1;
    return times > 1 ? [`stored ${times} times: ${id}`] : [];
  });
}

export function storedTwice(logs) {
  return [...createdByClientId(logs)].flatMap(([id, found]) => (found.length > 1 ? [`stored ${found.length} times: ${id}`] : []));
}

// An error answer means: not stored.
export function storedThoughRefused(refused, logs) {
  const created = createdByClientId(logs);
  return refused.flatMap(({ id }) => (created.has(id) ? [`refused and stored: ${id}`] : []));
}

// Every reader saw each number of each room once, in order, as the event that the log has there.
export function misread(seen, from, logs) {
  const lines = [];
  for (const [reader, rooms] of Object.entries(seen)) {
    for (const [room, events] of Object.entries(rooms)) {
      const log = logs[room];
      const first = from[reader][room];
      const expected = log.length - first + 1;
      if (events.length !== expected) lines.push(`${reader} saw ${events.length} of ${expected} events of ${room}`);
      for (let i = 0; i < Math.min(events.length, expected); i++) {
        const { seq, name, messageId } = events[i];
        const truth = log[first + i - 1];
        if (seq !== truth.seq) lines.push(`${reader}, ${room}: ${seq} where ${truth.seq} was due`);
        else if (name !== kSocketEvents[truth.type]) lines.push(`${reader}, ${room}: ${seq} as ${name}, the log has ${truth.type}`);
        else if (messageId !== (truth.data._id ?? null) && truth.type.startsWith("message.")) lines.push(`${reader}, ${room}: ${seq} is ${messageId}, the log has ${truth.data._id}`);
        else continue;
        break;
      }
    }
  }
  return lines;
}

// Acknowledged edits and deletes are there: {messageId: {text} or {deleted: true}}.
export function unchanged(changes, logs) {
  const last = new Map();
  for (const log of Object.values(logs)) for (const { type, data } of log) if (type.startsWith("message.")) last.set(data._id, data);
  return Object.entries(changes).flatMap(([messageId, { text, deleted }]) => {
    const now = last.get(messageId);
    if (!now) return [`changed and lost: ${messageId}`];
    if (deleted) return now.deleted_at ? [] : [`an acknowledged delete is undone: ${messageId}`];
    return now.text === text ? [] : [`an acknowledged edit is undone: ${messageId} is "${now.text}", not "${text}"`];
  });
}

function createdByClientId(logs) {
  const created = new Map();
  for (const [room, log] of Object.entries(logs)) {
    for (const { seq, type, data } of log) {
      if (type !== "message.created" || !data.client_message_id) continue;
      const id = `${data.created_by} ${data.client_message_id}`;
      if (!created.has(id)) created.set(id, []);
      created.get(id).push({ room, seq, data });
    }
  }
  return created;
}
