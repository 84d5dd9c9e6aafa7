-- What became of a partition's units: what came to nothing goes back to the budget, each of them once.
-- KEYS: budget. ARGV: 1 partition, then of each unit, in order: its number, '1' spent or '0' not, amount, day, channel
-- Returns what went back.
local told = 'told:' .. ARGV[1]
local was = redis.call('HMGET', KEYS[1], told, 'day')
local last, back = tonumber(was[1] or '0'), 0
for at = 2, #ARGV, 5 do
  if tonumber(ARGV[at]) > last then
    last = tonumber(ARGV[at])
    local amount = tonumber(ARGV[at + 2])
    if ARGV[at + 1] == '1' then
      redis.call('HINCRBY', KEYS[1], 'spent', amount)
    else
      back = back + amount
      if was[2] == ARGV[at + 3] then
        redis.call('HINCRBY', KEYS[1], 'today', -amount)
      end
      if ARGV[at + 4] ~= '' then
        redis.call('HINCRBY', KEYS[1], 'c:' .. ARGV[at + 4], -amount)
      end
    end
  end
end
if back > 0 then
  redis.call('HINCRBY', KEYS[1], 'taken', -back)
end
redis.call('HSET', KEYS[1], told, last)
return back
