-- Gives up the right to write records. KEYS: lease. ARGV: the replica.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
