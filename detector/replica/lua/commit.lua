-- Makes records that were written count, and drops what they stand for from the log.
-- KEYS: meta, lease, log, then the hashes of the generation. ARGV: the replica;
-- epoch; gen; at; start; the oldest entry to keep; how long keys last, in ms; the
-- save that was the last when the lease was taken, or ""; the new one.
-- Returns: 1, or 0 if it is no longer the replica's to say.
local m = redis.call('HMGET', KEYS[1], 'epoch', 'save')
if m[1] ~= ARGV[2] or (m[2] or '') ~= ARGV[8] then
  return 0
end
-- A lease that ran out meanwhile is as good, as long as nobody else took it.
if (redis.call('GET', KEYS[2]) or ARGV[1]) ~= ARGV[1] then
  return 0
end
-- First what makes room: a server that is full refuses a script's first write if
-- it takes any.
redis.call('XTRIM', KEYS[3], 'MINID', '~', ARGV[6])
redis.call('HSET', KEYS[1], 'gen', ARGV[3], 'at', ARGV[4], 'start', ARGV[5], 'save', ARGV[9])
redis.call('PEXPIRE', KEYS[1], ARGV[7])
for i = 3, #KEYS do
  redis.call('PEXPIRE', KEYS[i], ARGV[7])
end
return 1
