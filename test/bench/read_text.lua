-- On lines of text: no JSON beyond string patterns.
local function read(record)
    local log = record["log"]
    -- Cheapest first: most records are of no interest.
    if type(log) ~= "string" or not string.find(log, '"resource":"secrets"', 1, true)
        or string.find(log, '"stage":"RequestReceived"', 1, true) then
        return
    end
    return string.match(log, '"username":"([^"]*)"'), string.match(log, '"userAgent":"([^"/]*)'),
        string.match(log, '"sourceIPs":%[[^%]]-"([^",]*)"%]')
end
