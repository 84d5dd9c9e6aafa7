-- One decision: reserves its contacts, appends its record and keeps its answer; or writes nothing.
-- KEYS: record, decision stream, request claim (absent without a request id)
-- ARGV: 1 deadline in ms, 2 version of the contacts read, 3 version of the consent read, 4 new contacts,
--       5 bytes to drop at the front of the history, 6 decision, 7 terms, 8 the claim as held, 9 the claim as answered
-- Returns 0 committed, 1 late, 3 claim lost, or {2, fresh record}.
local time = redis.call('TIME')
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[1]) then
  return 1
end
if KEYS[3] and redis.call('GET', KEYS[3]) ~= ARGV[8] then
  return 3
end
local was = redis.call('HMGET', KEYS[1], 'hv', 'kv', 'moved_to', 'id', 'k', 'h')
if (was[1] or '0') ~= ARGV[2] or (was[2] or '0') ~= ARGV[3] or was[3] then
  return {2, redis.call('HMGET', KEYS[1], 'p', 'e', 'n', 'h', 'k', 'kv', 'hv', 'oc', 't', 'id', 'moved_to')}
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
if KEYS[3] then
  redis.call('SET', KEYS[3], ARGV[9], 'PX', 600000)
end
if not was[4] and not was[5] then
  redis.call('PEXPIRE', KEYS[1], 2592000000)
end
return 0
