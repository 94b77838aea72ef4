-- Three of secretwatch's rules the way one would write them as a Lua filter, to
-- compare costs with: unusual user agent, new source address, unusual user. It
-- does a fraction of the work: no learning, no probation, no bounds on memory,
-- no address networks. What stands before this, read_text.lua or read_fields.lua,
-- defines read, which returns user, client and source of an access to secrets,
-- and nothing for other records.

local window = 7 * 24 * 3600
local users = {}

-- new says whether a value is not known within the window, and remembers it.
local function new(values, value, now)
    local last = values[value]
    values[value] = now
    return last == nil or now - last > window
end

function judge(tag, timestamp, record)
    local name, agent, source = read(record)
    if not name then
        return 0, timestamp, record
    end
    local now = timestamp
    local user = users[name]
    local found = {}
    if user == nil or now - user.last > window then
        user = { agents = {}, sources = {}, last = now }
        users[name] = user
        user.agents[agent or ""] = now
        user.sources[source or ""] = now
        found[1] = "unusual-user"
    else
        user.last = now
        if new(user.agents, agent or "", now) then
            found[#found + 1] = "unusual-user-agent"
        end
        if new(user.sources, source or "", now) then
            found[#found + 1] = "new-source-ip"
        end
    end
    if #found == 0 then
        return 0, timestamp, record
    end
    record["severity"] = "low"
    record["secretwatch"] = { rules = found, user = name, user_agent = agent, source_ip = source }
    return 2, timestamp, record
end
