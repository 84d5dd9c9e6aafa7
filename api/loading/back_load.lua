-- A customer's event state with what happened before it was kept; the owner of the partition looks at it again soon.
-- KEYS: record, owner lease, due index
-- ARGV: 1 epoch, 2 the event state as read, as SHA-1 or '' for none, 3 as it is now, 4 now in s, 5 the record's name
-- Returns 0 written, 1 changed since it was read, 2 the partition is somebody else's, 3 no such record any more.
if redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return 2
end
local was = redis.call('HMGET', KEYS[1], 'e', 'id', 'moved_to')
if not was[2] or was[3] then
  return 3
end
if (was[1] and redis.sha1hex(was[1]) or '') ~= ARGV[2] then
  return 1
end
redis.call('HSET', KEYS[1], 'e', ARGV[3])
redis.call('ZADD', KEYS[3], 'LT', ARGV[4], ARGV[5])
return 0
