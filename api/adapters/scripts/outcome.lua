-- One outcome: raises its contact, appends to the decision stream and places the order, once.
-- KEYS: record, decision stream, hashes seen of the decision's day, fulfilment stream
-- ARGV: 1 deadline in ms, 2 hash the outcome is known by, 3 hash of decision and action, 4 until when they are needed in s,
--       5 action and session hash (8 bytes), 6 state, 7 reason, 8 channel, 9 kind of entry (o, or l for a late
--       impression), 10 entry, 11 order or ''
-- Returns {0 recorded | 1 duplicate | 2 late impression, orders placed}, -1 too late, or where the record moved.
-- A contact has 16 bytes: at (4), action (4), session (4), channel, state, reason, valid minutes; states are those of
-- engine.contacts: 1 shown, 4 declined and above are answers.
local time = redis.call('TIME')
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[1]) then
  return -1
end
if redis.call('SISMEMBER', KEYS[3], ARGV[2]) == 1 then
  return {1, 0}
end
local was = redis.call('HMGET', KEYS[1], 'h', 'moved_to', 'id', 'k')
if was[2] then
  return was[2]
end
local late = ARGV[9] == 'l'
local state = tonumber(ARGV[6])
if not late then
  local history = was[1] or ''
  local after
  for at = #history - 15, 1, -16 do
    if string.sub(history, at + 4, at + 11) == ARGV[5] then
      if state > string.byte(history, at + 13) then
        after = string.sub(history, 1, at + 12) .. string.char(state, ARGV[7]) .. string.sub(history, at + 15)
      else
        after = history
      end
      break
    end
  end
  -- A contact that is gone was shown all the same: it counts from now.
  after = after or history .. struct.pack('<I4', time[1]) .. ARGV[5] .. string.char(ARGV[8], state, ARGV[7], 0)
  if after ~= history then
    redis.call('HSET', KEYS[1], 'h', after)
    redis.call('HINCRBY', KEYS[1], 'hv', 1)
    if state >= 4 then
      redis.call('HINCRBY', KEYS[1], 'kv', 1)
    end
  end
  if state > 1 then
    redis.call('HINCRBY', KEYS[1], 'oc', 1)
  end
  if not was[3] and not was[4] then
    redis.call('PEXPIRE', KEYS[1], 2592000000)
  end
end
redis.call('SADD', KEYS[3], ARGV[2])
redis.call('XADD', KEYS[2], '*', ARGV[9], ARGV[10])
local orders = 0
if ARGV[11] ~= '' and redis.call('SADD', KEYS[3], ARGV[3]) == 1 then
  redis.call('XADD', KEYS[4], '*', 'r', ARGV[11])
  orders = 1
end
local needed_until = math.max(tonumber(ARGV[4]), time[1] + 86400)
if redis.call('EXPIRETIME', KEYS[3]) < needed_until then
  redis.call('EXPIREAT', KEYS[3], needed_until)
end
return {late and 2 or 0, orders}
