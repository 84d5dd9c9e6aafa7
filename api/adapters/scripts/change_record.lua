-- Reads a record with the merges noted beside it, and changes both if they are still as they were read.
-- KEYS: record, its merges, owner lease, event stream
-- ARGV: nothing to read; to change: 1 deadline in ms, 2 fingerprint as read, 3 the merges or '' to leave them, 4 '1' where the event state
--       changes, 5 the record's name, then fields and values: `=` and the value, or `-` to remove
-- Reading returns {fingerprint, merges, values}; changing returns 1 done, 0 not as it was read, -1 too late.
local values =
  redis.call('HMGET', KEYS[1], 'p', 'e', 'n', 'h', 'k', 'kv', 'hv', 'oc', 't', 'id', 'moved_to', 'g', 'ea', 'po', 'ps')
local merges = redis.call('GET', KEYS[2])
local parts = {merges and (#merges .. ':' .. merges) or '-'}
for i = 1, 15 do
  parts[i + 1] = values[i] and (#values[i] .. ':' .. values[i]) or '-'
end
local fingerprint = redis.sha1hex(table.concat(parts, ','))
if not ARGV[1] then
  return {fingerprint, merges, values}
end
local time = redis.call('TIME')
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[1]) then
  return -1
end
if fingerprint ~= ARGV[2] then
  return 0
end
if ARGV[3] ~= '' then
  redis.call('SET', KEYS[2], ARGV[3])
end
if #ARGV == 5 then
  return 1
end
for at = 6, #ARGV, 2 do
  if ARGV[at + 1] == '-' then
    redis.call('HDEL', KEYS[1], ARGV[at])
  else
    redis.call('HSET', KEYS[1], ARGV[at], string.sub(ARGV[at + 1], 2))
  end
end
-- A record of somebody unknown is kept for 30 days, one that leads to a customer for ever.
local lasting = redis.call('HMGET', KEYS[1], 'id', 'k', 'moved_to')
if lasting[1] or lasting[2] or lasting[3] then
  redis.call('PERSIST', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], 2592000000)
end
if ARGV[4] == '1' then
  -- A fold that has read the state before is refused by its epoch, and read again by whoever takes the lease.
  if redis.call('HEXISTS', KEYS[3], 'epoch') == 1 then
    redis.call('HINCRBY', KEYS[3], 'epoch', 1)
    redis.call('HSET', KEYS[3], 'until', 0)
  end
  redis.call('XADD', KEYS[4], '*', 't', ARGV[5])
end
return 1
