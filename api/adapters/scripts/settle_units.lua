-- Looks at units whose time is over: did their offers come to something? The answers wait to be told to the budgets.
-- KEYS: owner lease, units held, units settled
-- ARGV: 1 epoch, 2 how many at most, 3 what the names of this partition's records begin with
-- Returns what is settled and not yet told, at most so many, oldest first; or -1 when somebody else owns the partition.
-- A unit is the first 12 bytes of its contact, then lines: state that counts, amount, day, channel, budget, decision,
-- record. What cannot be found any more, or was merged into another record, counts as spent.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return -1
end
local time = redis.call('TIME')
for _, unit in ipairs(redis.call('ZRANGE', KEYS[2], '-inf', time[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
  local state, amount, day, channel, budget, _, record =
    string.match(string.sub(unit, 13), '^(%d+)\n(%d+)\n(%d+)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n(.*)$')
  local held = redis.call('HMGET', ARGV[3] .. record, 'h', 'moved_to')
  local history = held[2] and '' or held[1] or ''
  local spent = '1'
  for at = #history - 15, 1, -16 do
    if string.sub(history, at, at + 11) == string.sub(unit, 1, 12) then
      spent = string.byte(history, at + 13) >= tonumber(state) and '1' or '0'
      break
    end
  end
  local number = redis.call('HINCRBY', KEYS[1], 'settled', 1)
  redis.call('ZADD', KEYS[3], number, table.concat({number, spent, amount, day, channel, budget}, '\n'))
  redis.call('ZREM', KEYS[2], unit)
end
return redis.call('ZRANGE', KEYS[3], 0, ARGV[2] - 1)
