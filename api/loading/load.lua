-- A customer's record from a bank's files, joined with what was read of it a moment ago.
-- KEYS: record, due index. ARGV: 1 customer id, 2 profile, 3 outcome count, then for `e`, `h` and `k` each: what was read,
-- as SHA-1 or '' for nothing, and what is to stand there, or '' to leave it; 10 by when in s somebody has to look, or ''; 11 where the profile comes
-- from, or ''.
-- Returns 0 written, 1 changed since it was read, 2 merged into another and only its own profile written, 3 written, and its profile is
-- to be joined again with those of the records merged into it.
local was = redis.call('HMGET', KEYS[1], 'e', 'h', 'k', 'moved_to', 'po')
local function put_profile()
  redis.call('HSET', KEYS[1], was[5] and 'po' or 'p', ARGV[2])
  if ARGV[11] ~= '' then
    redis.call('HSET', KEYS[1], 'ps', ARGV[11])
  end
end
if was[4] then
  put_profile()
  return 2
end
local fields, versions = {'e', 'h', 'k'}, {false, 'hv', 'kv'}
for i = 1, 3 do
  local read, now = ARGV[2 + 2 * i], was[i] and redis.sha1hex(was[i]) or ''
  if ARGV[3 + 2 * i] ~= '' and read ~= now then
    return 1
  end
end
redis.call('HSET', KEYS[1], 'id', ARGV[1])
put_profile()
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
return was[5] and 3 or 0
