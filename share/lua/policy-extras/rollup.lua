---@meta
-- What editors know of Postern's Lua policies. Made from the tables that register the functions:
-- dialect_kumo_test writes it. See docs/lua-hooks.md.

---@class policy-extras.rollup
local module = {}

---No effect here.
---@param msg Message
---@param mapping table<string, string>
function module.reroute_based_on_mx_host_suffix(msg, mapping) end

---No effect here.
---@param msg Message
---@param mapping table<string, string>
function module.reroute_using_ip_rollup(msg, mapping) end

---No effect here.
---@param domain string
---@param routing_domain string|nil
---@param params table
function module.apply_ip_rollup_to_queue_config(domain, routing_domain, params) end

return module
