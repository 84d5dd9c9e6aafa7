-- Turns what is due into timer events.
-- KEYS: owner lease, due index, event stream. ARGV: 1 epoch, 2 now in s, 3 how many at most
-- Returns how many, or -1 when the partition belongs to somebody else.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return -1
end
local due = redis.call('ZRANGE', KEYS[2], '-inf', ARGV[2], 'BYSCORE', 'LIMIT', 0, ARGV[3])
for _, record in ipairs(due) do
  redis.call('XADD', KEYS[3], '*', 't', record)
  redis.call('ZREM', KEYS[2], record)
end
return #due
