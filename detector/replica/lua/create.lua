-- Begins a history with records that were written, unless there is one.
-- KEYS: meta, log, then the hashes of the generation. ARGV: a new epoch; gen;
-- start; how long keys last, in ms.
-- Returns: 1, or 0 if there is a history already or the records are gone.
if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('EXISTS', unpack(KEYS, 3)) == 0 then
  return 0
end
redis.call('UNLINK', KEYS[2]) -- of a history that is gone
-- Born long ago: replicas that start now have nothing to add to it.
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'born', '0', 'gen', ARGV[2], 'at', '0-0', 'start', ARGV[3])
for i = 1, #KEYS do
  redis.call('PEXPIRE', KEYS[i], ARGV[4])
end
return 1
