-- Makes records that were written count, and drops what they stand for from the log.
-- KEYS: meta, lease, log, then the hashes of the generation. ARGV: the replica;
-- epoch; gen; at; start; the oldest entry to keep; how long keys last, in ms.
-- Returns: 1, or 0 if it is no longer the replica's to say.
if redis.call('GET', KEYS[2]) ~= ARGV[1] or redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'gen', ARGV[3], 'at', ARGV[4], 'start', ARGV[5])
redis.call('XTRIM', KEYS[3], 'MINID', '~', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[7])
for i = 3, #KEYS do
  redis.call('PEXPIRE', KEYS[i], ARGV[7])
end
return 1
