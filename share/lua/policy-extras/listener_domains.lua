---@meta
-- What editors know of Postern's Lua policies. Made from the tables that register the functions:
-- dialect_kumo_test writes it. See docs/lua-hooks.md.

---@class policy-extras.listener_domains
local module = {}

---Reads and checks the files; the result is a handler of `get_listener_domain`.
---@param file_names (string|table)[]
---@return fun(domain: string, listener: string, conn_meta: ConnMeta): ListenerDomain|nil
function module:setup(file_names) end

return module
