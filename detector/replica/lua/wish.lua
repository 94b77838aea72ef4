-- Appends somebody's wish to the log.
-- KEYS: log, meta. ARGV: epoch; most entries to keep; how long keys last, in ms;
-- name of the field; a principal; a value of it or "".
-- Returns: 1, or 0 if it is another history now.
if redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return 0
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', ARGV[4], ARGV[5], 'v', ARGV[6])
for i = 1, #KEYS do
  -- Whoever wishes may know a shorter window than the replicas.
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[i], ARGV[3])
  end
end
return 1
