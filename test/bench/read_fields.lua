-- On the fields that the JSON parser makes.
local function read(record)
    local object = record["objectRef"]
    -- Cheapest first: most records are of no interest.
    if type(object) ~= "table" or object["resource"] ~= "secrets" or record["stage"] == "RequestReceived" then
        return
    end
    local sources = record["sourceIPs"] or {}
    return (record["user"] or {})["username"], string.match(record["userAgent"] or "", "^[^/]*"), sources[#sources]
end
