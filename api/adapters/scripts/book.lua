-- An order takes a place at one of a branch's times; whoever is too late or finds it full changes nothing.
-- KEYS: times of the branch, by order
-- ARGV: 1 deadline in ms, 2 order id, 3 time in ms, 4 how many may come at one time, 5 how long the times are kept in ms
-- Returns 0 booked | 1 the order's own already | 2 no place left | 3 the order has another time, or -1 too late.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
if now > tonumber(ARGV[1]) then
  return -1
end
local own = redis.call('HGET', KEYS[1], ARGV[2])
if own then
  return own == ARGV[3] and 1 or 3
end
local booked = redis.call('HGETALL', KEYS[1])
local coming = 0
for at = 1, #booked, 2 do
  if tonumber(booked[at + 1]) < now then
    redis.call('HDEL', KEYS[1], booked[at])
  elseif booked[at + 1] == ARGV[3] then
    coming = coming + 1
  end
end
if coming >= tonumber(ARGV[4]) then
  return 2
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 0
