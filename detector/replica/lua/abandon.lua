-- Removes the records of a generation, unless they count.
-- KEYS: meta, then the hashes of the generation. ARGV: gen.
-- Returns: 1, or 0 if they count.
if redis.call('HGET', KEYS[1], 'gen') == ARGV[1] then
  return 0
end
redis.call('UNLINK', unpack(KEYS, 2))
return 1
