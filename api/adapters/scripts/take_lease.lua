-- Takes a share of what a budget has left: of its total, its day and its channel together, or nothing.
-- KEYS: budget, its leases
-- ARGV: 1 deadline in ms, 2 lease, 3 worker, 4 what one offer takes, 5 total, 6 most of a day, 7 channel or '',
--       8 total of the channel, 9 day, 10 end of the lease at the latest in ms or '', 11 length in ms; 5, 6, 8 may be ''
-- Returns {amount, end in ms, left in the budget, now in ms}, or -1 too late.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(ARGV[1]) then
  return -1
end
local each = tonumber(ARGV[4])
local channel = 'c:' .. ARGV[7]
local was = redis.call('HMGET', KEYS[1], 'taken', 'day', 'today', channel)
local today = was[2] == ARGV[9] and tonumber(was[3]) or 0
local left = 2 ^ 50
local function bound(most, used)
  if most ~= '' then
    left = math.max(0, math.min(left, tonumber(most) - used))
  end
end
bound(ARGV[5], tonumber(was[1] or '0'))
bound(ARGV[6], today)
bound(ARGV[8], tonumber(was[4] or '0'))
-- The day of a clock that is behind is over: nothing of it may be spent any more.
if was[2] and tonumber(was[2]) > tonumber(ARGV[9]) or ARGV[10] ~= '' and now >= tonumber(ARGV[10]) then
  return {0, 0, 0, now}
end
if left < each then
  return {0, 0, left, now}
end
local workers, known = 1, {[ARGV[3]] = true}
for _, packed in ipairs(redis.call('HVALS', KEYS[2])) do
  local lease = cmsgpack.unpack(packed)
  if lease[2] > now and not known[lease[5]] then
    known[lease[5]] = true
    workers = workers + 1
  end
end
local amount = each * math.max(1, math.min(10000, math.floor(left / each / (4 * workers))))
local ends = now + ARGV[11]
if ARGV[10] ~= '' then
  ends = math.min(ends, tonumber(ARGV[10]))
end
if was[2] ~= ARGV[9] then
  redis.call('HSET', KEYS[1], 'day', ARGV[9], 'today', 0)
end
redis.call('HINCRBY', KEYS[1], 'taken', amount)
redis.call('HINCRBY', KEYS[1], 'today', amount)
if ARGV[7] ~= '' then
  redis.call('HINCRBY', KEYS[1], channel, amount)
end
redis.call('HSET', KEYS[2], ARGV[2], cmsgpack.pack({amount, ends, ARGV[9], ARGV[7], ARGV[3]}))
return {amount, ends, left - amount, now}
