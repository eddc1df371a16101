---@meta
-- What editors know of Postern's Lua policies. Made from the tables that register the functions:
-- dialect_kumo_test writes it. See docs/lua-hooks.md.

---@class policy-extras.warmup
local module = {}

---No effect here.
---@param file_names (string|table)[]
---@return Warmer
---@deprecated
function module:setup(file_names) end

return module
