-- What several streams of one node have behind a position each; on a cluster they lie in slots of their own.
-- No KEYS: they would have to be of one slot. ARGV: 1 entries of each at most, then all streams, then all positions
-- Returns what XREAD would, without the streams that have nothing.
local count = (#ARGV - 1) / 2
local found = {}
for at = 2, count + 1 do
  local read = redis.call('XREAD', 'COUNT', ARGV[1], 'STREAMS', ARGV[at], ARGV[at + count])
  if read then
    found[#found + 1] = read[1]
  end
end
return found
