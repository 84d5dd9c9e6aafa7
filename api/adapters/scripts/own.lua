-- Takes or extends the lease on a partition.
-- KEYS: owner lease. ARGV: 1 worker, 2 length of the lease in ms
-- Returns {epoch, position}, or nothing while somebody else holds it.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local was = redis.call('HMGET', KEYS[1], 'worker', 'epoch', 'until', 'position')
local held = was[3] and tonumber(was[3]) > now
if held and was[1] ~= ARGV[1] then
  return false
end
local epoch = tonumber(was[2] or '0')
if not held then
  epoch = epoch + 1
end
redis.call('HSET', KEYS[1], 'worker', ARGV[1], 'epoch', epoch, 'until', string.format('%.0f', now + ARGV[2]))
return {epoch, was[4] or '0-0'}
