-- Returns what is known of a history, which begins if there is none.
-- KEYS: meta. ARGV: a new epoch; how long keys last, in ms.
-- Returns: epoch, gen or "", at or "0-0", start or "0", age in s.
local now = tonumber(redis.call('TIME')[1])
-- Without a write where there is one: a server that is full still tells of it.
if redis.call('HEXISTS', KEYS[1], 'epoch') == 0 then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'born', now)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local m = redis.call('HMGET', KEYS[1], 'epoch', 'gen', 'at', 'start', 'born')
return {m[1], m[2] or '', m[3] or '0-0', m[4] or '0', tostring(now - tonumber(m[5] or now))}
