-- A customer's record from a bank's files, joined with what was read of it a moment ago.
-- KEYS: record, due index. ARGV: 1 customer id, 2 profile, 3 outcome count, then for `e`, `h` and `k` each: what was read,
-- as SHA-1 or '' for nothing, and what is to stand there, or '' to leave it; 10 by when in s somebody has to look, or ''.
-- Returns 0 written, 1 changed since it was read, 2 merged into another.
local was = redis.call('HMGET', KEYS[1], 'e', 'h', 'k', 'moved_to')
if was[4] then
  return 2
end
local fields, versions = {'e', 'h', 'k'}, {false, 'hv', 'kv'}
for i = 1, 3 do
  local read, now = ARGV[2 + 2 * i], was[i] and redis.sha1hex(was[i]) or ''
  if ARGV[3 + 2 * i] ~= '' and read ~= now then
    return 1
  end
end
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'p', ARGV[2])
for i = 1, 3 do
  local value = ARGV[3 + 2 * i]
  if value ~= '' then
    redis.call('HSET', KEYS[1], fields[i], value)
    if versions[i] then
      redis.call('HINCRBY', KEYS[1], versions[i], 1)
    end
  end
end
if ARGV[3] ~= '0' then
  redis.call('HSETNX', KEYS[1], 'oc', ARGV[3])
end
redis.call('PERSIST', KEYS[1])
if ARGV[10] ~= '' then
  redis.call('ZADD', KEYS[2], 'LT', ARGV[10], ARGV[1])
end
return 0
