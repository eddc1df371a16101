---@meta
-- What editors know of Postern's Lua policies. Made from the tables that register the functions:
-- dialect_kumo_test writes it. See docs/lua-hooks.md.

---@class policy-extras.sources
local module = {}

---No effect here.
---@param file_names (string|table)[]
---@deprecated
function module:setup(file_names) end

return module
