-- One decision: reserves its contacts, appends its record and keeps its answer; or writes nothing.
-- KEYS: record, decision stream; with a request id its claim; with units of budgets those held, then for each unit
--       what was drawn of its lease
-- ARGV: 1 deadline in ms, 2 version of the contacts read, 3 version of the consent read, 4 new contacts,
--       5 bytes to drop at the front of the history, 6 decision, 7 terms, 8 the claim as held or '', 9 the claim as
--       answered, 10 end of the first lease that ends in ms; then of each unit: until when it is held in s, the unit,
--       its amount, until when the draw is known in ms
-- Returns 0 committed, 1 late, 3 claim lost, 4 lease ended, or {2, fresh record}.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
if now > tonumber(ARGV[1]) then
  return 1
end
local claimed = ARGV[8] and ARGV[8] ~= ''
if claimed and redis.call('GET', KEYS[3]) ~= ARGV[8] then
  return 3
end
if ARGV[10] and now >= tonumber(ARGV[10]) then
  return 4
end
local was = redis.call('HMGET', KEYS[1], 'hv', 'kv', 'moved_to', 'id', 'k', 'h')
if (was[1] or '0') ~= ARGV[2] or (was[2] or '0') ~= ARGV[3] or was[3] then
  return {2, redis.call('HMGET', KEYS[1], 'p', 'e', 'n', 'h', 'k', 'kv', 'hv', 'oc', 't', 'id', 'moved_to', 'g')}
end
if ARGV[4] ~= '' or ARGV[5] ~= '0' or ARGV[7] ~= '' then
  local history = string.sub(was[6] or '', ARGV[5] + 1) .. ARGV[4]
  if ARGV[7] == '' then
    redis.call('HSET', KEYS[1], 'h', history, 'hv', ARGV[2] + 1)
  else
    redis.call('HSET', KEYS[1], 'h', history, 'hv', ARGV[2] + 1, 't', ARGV[7])
  end
end
redis.call('XADD', KEYS[2], '*', 'r', ARGV[6])
if claimed then
  redis.call('SET', KEYS[3], ARGV[9], 'PX', 600000)
end
if ARGV[10] then
  local held = claimed and 4 or 3
  for at = 11, #ARGV, 4 do
    local drawn = KEYS[held + (at - 7) / 4]
    redis.call('ZADD', KEYS[held], ARGV[at], ARGV[at + 1])
    redis.call('INCRBY', drawn, ARGV[at + 2])
    redis.call('PEXPIREAT', drawn, ARGV[at + 3])
  end
end
if not was[4] and not was[5] then
  redis.call('PEXPIRE', KEYS[1], 2592000000)
end
return 0
