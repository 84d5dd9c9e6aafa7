-- A customer's record from a bank's files: the profile is replaced, what others write is only filled in where absent.
-- KEYS: record. ARGV: 1 customer id, 2 profile, 3 events, 4 needs, 5 contacts, 6 consent, 7 outcome count
-- Returns 1, or 0 when the record was merged into another.
if redis.call('HEXISTS', KEYS[1], 'moved_to') == 1 then
  return 0
end
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'p', ARGV[2])
local function fill(field, value, version)
  if value ~= '' and redis.call('HSETNX', KEYS[1], field, value) == 1 and version then
    redis.call('HINCRBY', KEYS[1], version, 1)
  end
end
fill('e', ARGV[3])
fill('n', ARGV[4])
fill('h', ARGV[5], 'hv')
fill('k', ARGV[6], 'kv')
if ARGV[7] ~= '0' then
  fill('oc', ARGV[7])
end
redis.call('PERSIST', KEYS[1])
return 1
