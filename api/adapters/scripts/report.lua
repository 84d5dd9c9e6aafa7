-- What the back office says of one order; the first report takes it off the queue.
-- KEYS: orders of the record, fulfilment stream, record
-- ARGV: 1 deadline in ms, 2 order id, 3 how an order with this id begins, 4 rank of the status, 5 report, 6 how long
--       it is kept in ms
-- An order is kept as rank, report and order, one a line; JSON has no bare line breaks.
-- Returns {0 applied | 1 unchanged | 2 superseded | 3 closed otherwise, report in force, 1 when this took it off the
-- queue}, -1 too late, 0 no such order, or where the record moved.
local time = redis.call('TIME')
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[1]) then
  return -1
end
local order
local taken = 0
local held = redis.call('HGET', KEYS[1], ARGV[2])
if held then
  local rank, report
  rank, report, order = string.match(held, '^(%d)\n(.-)\n(.*)$')
  if tonumber(ARGV[4]) < tonumber(rank) then
    return {2, report, 0}
  elseif ARGV[4] == rank then
    -- Both begin with the status, up to the first comma.
    local same = string.match(report, '^[^,]*') == string.match(ARGV[5], '^[^,]*')
    return {same and 1 or 3, report, 0}
  end
else
  for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+')) do
    if string.sub(entry[2][2], 1, #ARGV[3]) == ARGV[3] then
      order = entry[2][2]
      redis.call('XDEL', KEYS[2], entry[1])
      taken = 1
      break
    end
  end
  if not order then
    return redis.call('HGET', KEYS[3], 'moved_to') or 0
  end
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[4] .. '\n' .. ARGV[5] .. '\n' .. order)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return {0, ARGV[5], taken}
