---@meta
-- What editors know of Postern's Lua policies. Made from the tables that register the functions:
-- dialect_kumo_test writes it. See docs/lua-hooks.md.

---@class policy-extras.log_hooks
local module = {}

---No effect here.
---@param options table
---@deprecated
function module:new(options) end

---No effect here.
---@param options table
---@deprecated
function module:new_json(options) end

---No effect here.
---@param options table
---@deprecated
function module:new_disposition_hook(options) end

return module
