-- Appends what has not been seen within the days of the given sets of hashes.
-- KEYS: stream, hashes seen today, then those of the days before
-- ARGV: 1 deadline in ms, 2 end of today's hashes in s, then hash and body of each arrival
-- Returns for each arrival 1 when it was appended, 0 when it was seen before; or -1 too late.
local time = redis.call('TIME')
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[1]) then
  return -1
end
local appended = {}
for at = 3, #ARGV, 2 do
  local seen = 0
  for day = 2, #KEYS do
    seen = redis.call('SISMEMBER', KEYS[day], ARGV[at])
    if seen == 1 then
      break
    end
  end
  if seen == 0 then
    redis.call('SADD', KEYS[2], ARGV[at])
    redis.call('XADD', KEYS[1], '*', 'r', ARGV[at + 1])
  end
  appended[#appended + 1] = 1 - seen
end
redis.call('EXPIREAT', KEYS[2], ARGV[2])
return appended
