-- Takes a partition from whoever folds its events: their next write is fenced off by the epoch.
-- KEYS: owner lease. ARGV: 1 who takes it, 2 length of the lease in ms
-- Returns the epoch; the position stays, so that whoever comes next goes on where the last one was.
local time = redis.call('TIME')
local till = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'worker', ARGV[1], 'until', string.format('%.0f', till))
return epoch
