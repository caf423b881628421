#include "scripts.hpp"

namespace tidings::redis::scripts {

// The flags say what may still run when the server is full: whatever takes messages out.

// What comes back goes to its place: behind what has a lower one, and that is little. An entry that is none of ours stays
// where it is.
#define TIDINGS_PUT_BACK \
  R"lua(
local function place_of(entry, otherwise)
  return tonumber(string.match(entry, '^[^:]+:%d+:%d+:%d+:%d+:(%d+)$') or '') or otherwise
end
local function put_back(ready, entries)
  if #entries == 0 then return false end
  local highest = 0
  for _, entry in ipairs(entries) do highest = math.max(highest, place_of(entry, 0)) end
  local next = redis.call('LINDEX', ready, -1)
  local was_empty = not next
  while next and place_of(next, highest) < highest do
    entries[#entries + 1] = redis.call('RPOP', ready)
    next = redis.call('LINDEX', ready, -1)
  end
  table.sort(entries, function(one, other) return place_of(one, 0) > place_of(other, 0) end)
  for _, entry in ipairs(entries) do redis.call('RPUSH', ready, entry) end
  return was_empty
end
)lua"

const Script kPublish(R"lua(#!lua
local version, queues = ARGV[1], tonumber(ARGV[2])
if version ~= '' and (redis.call('GET', KEYS[1]) or '0') ~= version then return 'STALE' end
local first = 3 + queues
local count = (#ARGV - first + 1) / 4
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local targets, room = {}, count
for i = 1, queues do
  local key = 4 * i - 2
  local options = redis.call('HMGET', KEYS[key], 'made', 'max_length', 'message_ttl', 'exclusive')
  if options[1] then
    if options[2] then room = math.min(room, tonumber(options[2]) - redis.call('LLEN', KEYS[key + 1])) end
    targets[#targets + 1] = {key, tonumber(options[3] or '0'), options[4], ARGV[2 + i]}
  elseif version == '' then
    return 'MISSING'
  end
end
if room < 0 then room = 0 end
for _, target in ipairs(targets) do
  local ready, messages, delayed = KEYS[target[1] + 1], KEYS[target[1] + 2], KEYS[target[1] + 3]
  local woken = false
  local place = room > 0 and redis.call('HINCRBY', KEYS[target[1]], 'places', room) - room
  for m = 1, room do
    local at = first + 4 * (m - 1)
    local token, delay = ARGV[at], tonumber(ARGV[at + 2])
    if redis.call('HSETNX', messages, token, ARGV[at + 3]) == 1 then
      local ttl, expires = tonumber(ARGV[at + 1]), 0
      if ttl == 0 or (target[2] > 0 and target[2] < ttl) then ttl = target[2] end
      if ttl > 0 then expires = now + ttl end
      local entry = token .. ':0:0:' .. now .. ':' .. expires .. ':' .. (place + m)
      if delay > 0 then
        redis.call('ZADD', delayed, now + delay, entry)
        woken = true
      elseif redis.call('LPUSH', ready, entry) == 1 then
        woken = true
      end
    end
  end
  if woken then redis.call('PUBLISH', target[4], '') end
  if target[3] then
    local left = redis.call('PTTL', KEYS[target[1]])
    if left > 0 then
      for k = 1, 3 do redis.call('PEXPIRE', KEYS[target[1] + k], left) end
    end
  end
end
return {room, #targets}
)lua");

// What is due or lapsed becomes ready. Expects options, ready, messages, leased, delayed in KEYS[1] to KEYS[5].
#define TIDINGS_UPKEEP \
  R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local moved = false
local due = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now, 'LIMIT', 0, 1000)
for _, entry in ipairs(due) do
  redis.call('ZREM', KEYS[5], entry)
  redis.call('LPUSH', KEYS[2], entry)
  moved = true
end
local lapsed = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, 1000)
for i, member in ipairs(lapsed) do
  redis.call('ZREM', KEYS[4], member)
  lapsed[i] = string.match(member, '^[^@]+')
  moved = true
end
put_back(KEYS[2], lapsed)
)lua"

const Script kTake(R"lua(#!lua flags=allow-oom
)lua" TIDINGS_PUT_BACK R"lua(
local options = redis.call('HMGET', KEYS[1], 'made', 'delivery_limit', 'exclusive', 'single_active')
if not options[1] then return 'MISSING' end
if options[3] and options[3] ~= ARGV[6] then return 'EXCLUSIVE' end
local limit = tonumber(options[2] or '0')
)lua" TIDINGS_UPKEEP R"lua(
local count, consumer, wake = tonumber(ARGV[1]), ARGV[3], ARGV[4]
local ends = now + tonumber(ARGV[2])
if ARGV[5] == '1' then
  redis.call('ZADD', KEYS[6], now, consumer)
  redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', now - 60000)
end
if options[4] and ARGV[7] == '1' and count > 0 then
  -- Whoever holds something is the active one until it holds nothing.
  local held = redis.call('ZRANGE', KEYS[4], 0, 0)[1]
  if held and string.match(held, '@(.+)$') ~= consumer then count = 0 end
end
local flags, answer = {}, {-1, ''}
local entries = count > 0 and redis.call('RPOP', KEYS[2], count) or {}
for _, entry in ipairs(entries or {}) do
  local token, handed, unsettled, at, expires, place = string.match(entry, '^([^:]+):(%d+):(%d+):(%d+):(%d+):(%d+)$')
  local message = token and redis.call('HGET', KEYS[3], token)
  if message then
    local entry_now = token .. ':' .. (handed + 1) .. ':' .. (unsettled + 1) .. ':' .. at .. ':' .. expires .. ':' .. place
    local member = entry_now .. '@' .. consumer
    redis.call('ZADD', KEYS[4], ends, member)
    local flag = '0'
    if expires ~= '0' and tonumber(expires) <= now then
      flag = '1'
    elseif limit > 0 and tonumber(unsettled) > limit then
      flag = '2'
    end
    flags[#flags + 1] = flag
    answer[#answer + 1] = member
    answer[#answer + 1] = message
  end
end
answer[2] = table.concat(flags)
if moved and redis.call('LLEN', KEYS[2]) > 0 then redis.call('PUBLISH', wake, '') end
for _, key in ipairs({KEYS[4], KEYS[5]}) do
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if first[2] then
    local left = math.max(0, tonumber(first[2]) - now)
    if answer[1] < 0 or left < answer[1] then answer[1] = left end
  end
end
return answer
)lua");

const Script kExpire(R"lua(#!lua flags=allow-oom
if redis.call('EXISTS', KEYS[1]) == 0 then return 'MISSING' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer, flags = {-1, ''}, ''
for _ = 1, tonumber(ARGV[1]) do
  local entry = redis.call('LINDEX', KEYS[2], -1)
  if not entry then return answer end
  local token, counts, expires, place = string.match(entry, '^([^:]+):(%d+:%d+:%d+):(%d+):(%d+)$')
  if not token or expires == '0' then return answer end
  if tonumber(expires) > now then
    answer[1] = tonumber(expires) - now
    return answer
  end
  redis.call('RPOP', KEYS[2])
  local message = redis.call('HGET', KEYS[3], token)
  if message then
    local member = token .. ':' .. counts .. ':' .. expires .. ':' .. place .. '@' .. ARGV[3]
    redis.call('ZADD', KEYS[4], now + tonumber(ARGV[2]), member)
    flags = flags .. '1'
    answer[2] = flags
    answer[#answer + 1] = member
    answer[#answer + 1] = message
  end
end
answer[1] = 0
return answer
)lua");

const Script kAck(R"lua(#!lua flags=allow-oom
local done = {}
for i, member in ipairs(ARGV) do
  done[i] = redis.call('ZREM', KEYS[1], member)
  if done[i] == 1 then redis.call('HDEL', KEYS[2], string.match(member, '^[^:]+')) end
end
return table.concat(done)
)lua");

const Script kReturn(R"lua(#!lua flags=allow-oom
)lua" TIDINGS_PUT_BACK R"lua(
local done, back = {}, {}
for i = 3, #ARGV do
  done[i - 2] = redis.call('ZREM', KEYS[1], ARGV[i])
  if done[i - 2] == 1 then
    local token, handed, unsettled, rest = string.match(ARGV[i], '^([^:]+):(%d+):(%d+):([^@]+)@')
    if ARGV[2] == '1' then
      handed = handed - 1
      unsettled = unsettled - 1
    end
    back[#back + 1] = token .. ':' .. handed .. ':' .. unsettled .. ':' .. rest
  end
end
if put_back(KEYS[2], back) then redis.call('PUBLISH', ARGV[1], '') end
return table.concat(done)
)lua");

const Script kRetry(R"lua(#!lua flags=allow-oom
)lua" TIDINGS_PUT_BACK R"lua(
if redis.call('ZREM', KEYS[1], ARGV[2]) == 0 then return 0 end
local token, handed, rest = string.match(ARGV[2], '^([^:]+):(%d+):%d+:([^@]+)@')
local entry, delay = token .. ':' .. handed .. ':0:' .. rest, tonumber(ARGV[3])
redis.call('HSET', KEYS[3], token, ARGV[4])
if delay > 0 then
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[4], time[1] * 1000 + math.floor(time[2] / 1000) + delay, entry)
  redis.call('PUBLISH', ARGV[1], '')
elseif put_back(KEYS[2], {entry}) then
  redis.call('PUBLISH', ARGV[1], '')
end
return 1
)lua");

const Script kBury(R"lua(#!lua flags=allow-oom
if redis.call('EXISTS', KEYS[3]) == 0 then return 'MISSING' end
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
local token = string.match(ARGV[1], '^[^:]+')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HDEL', KEYS[2], token)
redis.call('HSET', KEYS[5], token, ARGV[2])
local place = redis.call('HINCRBY', KEYS[3], 'places', 1)
if redis.call('LPUSH', KEYS[4], token .. ':0:0:' .. now .. ':0:' .. place) == 1 then redis.call('PUBLISH', ARGV[3], '') end
return 1
)lua");

const Script kExtend(R"lua(#!lua flags=allow-oom
local done, time = {}, redis.call('TIME')
local ends = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1])
for i = 2, #ARGV do
  done[i - 1] = redis.call('ZSCORE', KEYS[1], ARGV[i]) and 1 or 0
  if done[i - 1] == 1 then redis.call('ZADD', KEYS[1], ends, ARGV[i]) end
end
return table.concat(done)
)lua");

const Script kRecover(R"lua(#!lua flags=allow-oom
)lua" TIDINGS_PUT_BACK R"lua(
local known, back = {}, {}
for i = 3, #ARGV do known[ARGV[i]] = true end
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local token, handed, unsettled, rest, consumer = string.match(member, '^([^:]+):(%d+):(%d+):([^@]+)@(.+)$')
  if consumer == ARGV[2] and not known[member] then
    redis.call('ZREM', KEYS[1], member)
    back[#back + 1] = token .. ':' .. (handed - 1) .. ':' .. (unsettled - 1) .. ':' .. rest
  end
end
local count = #back
if put_back(KEYS[2], back) then redis.call('PUBLISH', ARGV[1], '') end
return count
)lua");

const Script kDeclareQueue(R"lua(#!lua
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
if ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
redis.call('SADD', KEYS[2], ARGV[1])
return 1
)lua");

const Script kDeclareExchange(R"lua(#!lua
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 1 then redis.call('INCR', KEYS[2]) end
return redis.call('HGET', KEYS[1], ARGV[1])
)lua");

const Script kBind(R"lua(#!lua
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return 'EXCHANGE' end
if redis.call('EXISTS', KEYS[4]) == 0 then return 'QUEUE' end
if redis.call('SADD', KEYS[1], ARGV[2]) == 1 then redis.call('INCR', KEYS[3]) end
return 'OK'
)lua");

const Script kReadTopology(R"lua(#!lua flags=no-writes
return {redis.call('GET', KEYS[3]) or '0', redis.call('HGETALL', KEYS[1]), redis.call('SMEMBERS', KEYS[2])}
)lua");

const Script kStats(R"lua(#!lua flags=allow-oom
)lua" TIDINGS_PUT_BACK R"lua(
if redis.call('EXISTS', KEYS[1]) == 0 then return 'MISSING' end
)lua" TIDINGS_UPKEEP R"lua(
if moved then redis.call('PUBLISH', ARGV[1], '') end
local oldest, next = -1, redis.call('LINDEX', KEYS[2], -1)
if next then oldest = math.max(0, now - (tonumber(string.match(next, '^[^:]+:%d+:%d+:(%d+):')) or now)) end
return {redis.call('LLEN', KEYS[2]), redis.call('ZCARD', KEYS[4]), redis.call('ZCARD', KEYS[5]),
        redis.call('ZCOUNT', KEYS[6], now - 15000, '+inf'), oldest}
)lua");

const Script kPurge(R"lua(#!lua flags=allow-oom
if redis.call('EXISTS', KEYS[1]) == 0 then return 'MISSING' end
local most, tokens = tonumber(ARGV[1]), {}
for _, entry in ipairs(redis.call('RPOP', KEYS[2], most) or {}) do tokens[#tokens + 1] = string.match(entry, '^[^:]+') end
local delayed = redis.call('ZPOPMIN', KEYS[4], most - #tokens)
for i = 1, #delayed, 2 do tokens[#tokens + 1] = string.match(delayed[i], '^[^:]+') end
for _, token in ipairs(tokens) do redis.call('HDEL', KEYS[3], token) end
return #tokens
)lua");

const Script kDeleteQueue(R"lua(#!lua flags=allow-oom
if redis.call('EXISTS', KEYS[1]) == 0 then return 'MISSING' end
local gone, lost = {[ARGV[1]] = true}, redis.call('HLEN', KEYS[3])
for i = 1, 6 do redis.call('UNLINK', KEYS[i]) end
redis.call('SREM', KEYS[13], ARGV[1])
if redis.call('EXISTS', KEYS[7]) == 1 and redis.call('HLEN', KEYS[9]) == 0 then
  for i = 7, 12 do redis.call('UNLINK', KEYS[i]) end
  redis.call('SREM', KEYS[13], ARGV[2])
  gone[ARGV[2]] = true
end
for _, binding in ipairs(redis.call('SMEMBERS', KEYS[14])) do
  if gone[string.match(binding, '^[^ ]+ ([^ ]+) ')] then
    redis.call('SREM', KEYS[14], binding)
    redis.call('INCR', KEYS[15])
  end
end
return lost
)lua");

const Script kKeepAlive(R"lua(#!lua flags=allow-oom
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[1]) end
return #KEYS
)lua");

std::vector<const Script*> All() {
  return {&kPublish,         &kExpire,    &kTake,         &kAck,     &kReturn,
          &kRetry,           &kBury,      &kExtend,       &kRecover, &kDeclareQueue,
          &kDeclareExchange, &kBind,      &kReadTopology, &kStats,   &kPurge,
          &kDeleteQueue,     &kKeepAlive, &kTrim,         &kClaim};
}

}  // namespace tidings::redis::scripts
