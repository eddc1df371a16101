---@meta
-- What editors know of Postern's Lua policies. Made from the tables that register the functions:
-- dialect_kumo_test writes it. See docs/lua-hooks.md.

---@class policy-extras.docker_utils
local module = {}

---The IPv4 addresses of a service or container, by DNS.
---@param name string
---@return string[]
function module.resolve_docker_name(name) end

---The network of this container, `198.51.100.0/24`: that of the address of HOSTNAME.
---@return string
function module.resolve_docker_network() end

---Empty: there is no shaping daemon.
---@return string[]
function module.resolve_tsa_endpoints() end

return module
