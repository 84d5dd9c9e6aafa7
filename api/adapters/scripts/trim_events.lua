-- Takes out of a partition's events what everybody is done with: the owner, the archive, and groups of other systems.
-- KEYS: event stream, owner lease. ARGV: 1 last entry that is archived, 2 what came at this instant in ms or later stays
-- Returns {how many were removed, how many are left, the group that holds back what could go, or ''}.
local function place(id)
  local ms, sequence = string.match(id, '^(%d+)-?(%d*)$')
  return tonumber(ms), tonumber(sequence) or 0
end
local function least(a, b)
  local a_ms, a_sequence = place(a)
  local b_ms, b_sequence = place(b)
  if b_ms < a_ms or (b_ms == a_ms and b_sequence < a_sequence) then
    return b
  end
  return a
end
local left = redis.call('XLEN', KEYS[1])
local position = redis.call('HGET', KEYS[2], 'position')
if left == 0 or not position then
  return {0, left, ''}
end
local upto = least(least(position, ARGV[1]), ARGV[2] .. '-0')
local held_by = ''
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local facts = {}
  for at = 1, #group, 2 do
    facts[group[at]] = group[at + 1]
  end
  local needs = facts['last-delivered-id']
  if facts['pending'] > 0 then
    needs = least(needs, redis.call('XPENDING', KEYS[1], facts['name'])[2])
  end
  if least(upto, needs) ~= upto then
    upto, held_by = needs, facts['name']
  end
end
local removed = redis.call('XTRIM', KEYS[1], 'MINID', upto)
return {removed, left - removed, held_by}
