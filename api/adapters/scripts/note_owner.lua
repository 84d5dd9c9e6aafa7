-- Sets one field of a lease while its epoch holds: `position` (everything up to it is done) or `until` (0 ends it).
-- KEYS: owner lease. ARGV: 1 epoch, 2 field, 3 value. Returns 1, or 0 when the partition belongs to somebody else.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return 1
