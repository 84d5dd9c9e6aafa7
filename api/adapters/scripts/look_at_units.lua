-- Reads how the units stand that a partition's offers hold; writes nothing.
-- KEYS: units held. ARGV: what the names of this partition's records begin with
-- Returns budget, what came to something already, and what is open, of each budget in turn. Units: see settle_units.
local spent, open, names = {}, {}, {}
for _, unit in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local state, amount, _, _, budget, _, record =
    string.match(string.sub(unit, 13), '^(%d+)\n(%d+)\n(%d+)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n(.*)$')
  if not spent[budget] then
    spent[budget], open[budget] = 0, 0
    names[#names + 1] = budget
  end
  local counts = open
  local history = redis.call('HGET', ARGV[1] .. record, 'h') or ''
  for at = #history - 15, 1, -16 do
    if string.sub(history, at, at + 11) == string.sub(unit, 1, 12) then
      if string.byte(history, at + 13) >= tonumber(state) then
        counts = spent
      end
      break
    end
  end
  counts[budget] = counts[budget] + amount
end
local found = {}
for _, budget in ipairs(names) do
  found[#found + 1] = budget
  found[#found + 1] = spent[budget]
  found[#found + 1] = open[budget]
end
return found
