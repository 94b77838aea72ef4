-- Takes or renews the right to write records. Who began to learn earlier takes it
-- from whom began later: after a flush those who know most write it all anew.
-- KEYS: lease, meta. ARGV: the replica; how long the lease lasts, in ms; the time
-- when the replica began to learn.
-- Returns: 1 or 0, epoch or "", gen or "", start or "0", save or "".
local holder = redis.call('GET', KEYS[1])
local m = redis.call('HMGET', KEYS[2], 'epoch', 'gen', 'start', 'save')
local start = tonumber(m[3] or '0')
local mine = 0
if not holder or holder == ARGV[1] or (start ~= 0 and tonumber(ARGV[3]) < start) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  mine = 1
end
return {mine, m[1] or '', m[2] or '', m[3] or '0', m[4] or ''}
