-- Takes over a claim whose answer may not be repeated, unless it has changed since it was read.
-- KEYS: request claim. ARGV: the claim as read, as we hold it, how long in ms. Returns 1 when it is ours.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
