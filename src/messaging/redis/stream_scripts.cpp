#include "scripts.hpp"

namespace tidings::redis::scripts {

// What a group is owed begins at its oldest pending entry, or after the last one that it was handed. An entry that is cut
// by force while it is pending is acknowledged, so that it is counted as lost here and not once more by kClaim.
const Script kTrim(R"lua(#!lua flags=allow-oom
local function parts(id)
  local major, minor = string.match(id, '^(%d+)-(%d+)$')
  if not major then return tonumber(id), 0 end
  return tonumber(major), tonumber(minor)
end
local function less(a, b)
  local a1, a2 = parts(a)
  local b1, b2 = parts(b)
  return a1 < b1 or (a1 == b1 and a2 < b2)
end
local stream, mode, value, force, most = KEYS[1], ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
if redis.call('EXISTS', stream) == 0 then return {0, 0, '0'} end
local excess = most
if mode == 'length' then excess = math.min(most, redis.call('XLEN', stream) - tonumber(value)) end
if excess <= 0 then return {0, 0, '0'} end
local groups = {}
for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  local group = {}
  for i = 1, #info, 2 do group[info[i]] = info[i + 1] end
  local pending = redis.call('XPENDING', stream, group['name'])
  groups[#groups + 1] = {name = group['name'], last = group['last-delivered-id'], oldest = pending[2]}
end
local cut, lost = 0, 0
for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+', 'COUNT', excess)) do
  local id = entry[1]
  if mode == 'from' and not less(id, value) then return {cut, lost, '0'} end
  local owed = false
  for _, group in ipairs(groups) do
    if less(group.last, id) then
      owed = true
    elseif group.oldest and not less(id, group.oldest) then
      if not force then
        owed = true
      elseif #redis.call('XPENDING', stream, group.name, id, id, 1) == 1 then
        owed = true
        redis.call('XACK', stream, group.name, id)
      end
    end
  end
  if owed and not force then return {cut, lost, '0'} end
  if owed then lost = lost + 1 end
  redis.call('XDEL', stream, id)
  cut = cut + 1
end
return {cut, lost, cut == most and '1' or '0'}
)lua");

const Script kClaim(R"lua(#!lua flags=allow-oom
local claimed = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[5], 'COUNT', ARGV[4])
local deliveries = {}
for i, entry in ipairs(claimed[2]) do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], entry[1], entry[1], 1)
  deliveries[i] = pending[1] and pending[1][4] or 1
end
return {claimed[1], claimed[2], #claimed[3], deliveries}
)lua");

}  // namespace tidings::redis::scripts
