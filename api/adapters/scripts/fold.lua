-- A record's event state after some events.
-- KEYS: record, owner lease, due index, event stream
-- ARGV: 1 deadline in ms, 2 epoch, 3 last event applied as read, 4 as it is now, 5 event state, 6 needs,
--       7 when it is due in s or '', 8 the record's name, then events to append to the stream
-- Returns 0 applied, 1 fenced, 2 stale, 3 moved, -1 too late.
local time = redis.call('TIME')
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[1]) then
  return -1
end
if redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[2] then
  return 1
end
local was = redis.call('HMGET', KEYS[1], 'ea', 'moved_to', 'id', 'k')
if was[2] then
  return 3
end
if (was[1] or '0-0') ~= ARGV[3] then
  return 2
end
redis.call('HSET', KEYS[1], 'e', ARGV[5], 'n', ARGV[6], 'ea', ARGV[4])
if ARGV[7] == '' then
  redis.call('ZREM', KEYS[3], ARGV[8])
else
  redis.call('ZADD', KEYS[3], ARGV[7], ARGV[8])
end
for at = 9, #ARGV do
  redis.call('XADD', KEYS[4], '*', 'r', ARGV[at])
end
if not was[3] and not was[4] then
  redis.call('PEXPIRE', KEYS[1], 2592000000)
end
return 0
