-- An order comes no more: its place is free.
-- KEYS: times of the branch, by order
-- ARGV: 1 deadline in ms, 2 order id
-- Returns 1 freed | 0 it had none, or -1 too late.
local time = redis.call('TIME')
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[1]) then
  return -1
end
return redis.call('HDEL', KEYS[1], ARGV[2])
