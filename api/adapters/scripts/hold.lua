-- Somebody works on an order that waits, or puts it back; the order stays on the queue until it is reported on.
-- KEYS: holds of the partition, fulfilment stream
-- ARGV: 1 deadline in ms, 2 order id, 3 how an order with this id begins, 4 who, 5 until when in ms (0: put back),
--       6 not before, in ms, 7 attempts to add, 8 how long holds are kept in ms
-- A hold is kept as until, not before, attempts and who, in one line.
-- Returns {0 held | 1 somebody else's | 2 no such order waits, the hold in force}, or -1 too late.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
if now > tonumber(ARGV[1]) then
  return -1
end
local held = redis.call('HGET', KEYS[1], ARGV[2])
local tries = 0
if held then
  local ends, _, tried, by = string.match(held, '^(%d+) (%d+) (%d+) (.*)$')
  if tonumber(ends) > now and by ~= ARGV[4] then
    return {1, held}
  end
  tries = tonumber(tried)
end
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+')) do
  if string.sub(entry[2][2], 1, #ARGV[3]) == ARGV[3] then
    local hold = table.concat({ARGV[5], ARGV[6], string.format('%d', tries + ARGV[7]), ARGV[4]}, ' ')
    redis.call('HSET', KEYS[1], ARGV[2], hold)
    redis.call('PEXPIRE', KEYS[1], ARGV[8])
    return {0, hold}
  end
end
redis.call('HDEL', KEYS[1], ARGV[2])
return {2, ''}
