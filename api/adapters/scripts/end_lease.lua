-- Ends a lease once: what was not drawn of it goes back to its budget.
-- KEYS: budget, its leases
-- ARGV: 1 lease, 2 what was drawn of it, 3 until when at the earliest in ms after its end, or '' for its holder at any
--       time, 4 '1' when every draw is known to be committed, else it stays for whoever counts the records of its commits
-- Returns what went back.
local packed = redis.call('HGET', KEYS[2], ARGV[1])
if not packed then
  return 0
end
local lease = cmsgpack.unpack(packed)
local time = redis.call('TIME')
if ARGV[3] ~= '' and time[1] * 1000 + time[2] / 1000 < lease[2] + ARGV[3] then
  return 0
end
local back = math.max(0, lease[1] - ARGV[2])
if back > 0 then
  redis.call('HINCRBY', KEYS[1], 'taken', -back)
  if redis.call('HGET', KEYS[1], 'day') == lease[3] then
    redis.call('HINCRBY', KEYS[1], 'today', -back)
  end
  if lease[4] ~= '' then
    redis.call('HINCRBY', KEYS[1], 'c:' .. lease[4], -back)
  end
end
if ARGV[4] == '1' then
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  lease[1] = lease[1] - back
  lease[5] = ''
  redis.call('HSET', KEYS[2], ARGV[1], cmsgpack.pack(lease))
end
return back
