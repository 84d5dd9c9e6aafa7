-- A customer's whole consent, unless a later one is in force.
-- KEYS: record, decision stream. ARGV: 1 deadline in ms, 2 consent, 3 its version, 4 entry for the stream
-- Returns {0 applied | 1 unchanged | 2 stale, version in force}, -1 too late, or where the record moved.
local time = redis.call('TIME')
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[1]) then
  return -1
end
local was = redis.call('HMGET', KEYS[1], 'k', 'moved_to')
if was[2] then
  return was[2]
end
local version = tonumber(ARGV[3])
if was[1] == ARGV[2] then
  return {1, version}
end
if was[1] then
  local in_force = cmsgpack.unpack(was[1])['v'] or 0
  if version <= in_force then
    return {2, in_force}
  end
end
redis.call('HSET', KEYS[1], 'k', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'kv', 1)
redis.call('PERSIST', KEYS[1])
redis.call('XADD', KEYS[2], '*', 'k', ARGV[4])
return {0, version}
