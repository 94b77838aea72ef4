-- Appends what a replica observed to the log and returns what others appended
-- since the replica last looked: whoever comes first here was first. A server that
-- is full loses what the records stand for.
-- KEYS: log, meta. ARGV: epoch; id of the last entry the replica knows, or "0-0";
-- most entries to return; most entries to keep; how long keys last, in ms; the
-- replica; then the entries.
-- Returns: "ok", entries of others as XRANGE gives them, id of the last entry
--          "more", entries, id of the last: there are more, nothing is appended
--          "epoch", if it is another history now; nothing is appended
--          "lost", id of the last entry: the log does not go back, or not on, to
--          where the replica was; nothing is appended
if redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return {'epoch'}
end
local at = ARGV[2]
if at ~= '0-0' and #redis.call('XRANGE', KEYS[1], at, at) == 0 then
  local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
  return {'lost', last[1] and last[1][1] or '0-0'}
end
local others = redis.call('XRANGE', KEYS[1], '(' .. at, '+', 'COUNT', ARGV[3])
if #others > 0 then
  at = others[#others][1]
end
local function append(entry)
  return redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], '*', 'o', ARGV[6], 'e', entry)
end
local function makeRoom()
  local saved = redis.call('HGET', KEYS[2], 'at')
  return saved and redis.call('XTRIM', KEYS[1], 'MINID', saved) > 0
end
if #others < tonumber(ARGV[3]) then
  for i = 7, #ARGV do
    local added = append(ARGV[i])
    -- It is an error instead of an id where the server is full.
    if type(added) == 'table' and makeRoom() then
      added = append(ARGV[i])
    end
    if type(added) == 'table' then
      return added
    end
    at = added
  end
  if #ARGV > 6 then
    redis.call('PEXPIRE', KEYS[1], ARGV[5])
    redis.call('PEXPIRE', KEYS[2], ARGV[5])
  end
  return {'ok', others, at}
end
-- Too far behind to say who was first.
return {'more', others, at}
