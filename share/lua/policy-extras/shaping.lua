---@meta
-- What editors know of Postern's Lua policies. Made from the tables that register the functions:
-- dialect_kumo_test writes it. See docs/lua-hooks.md.

---@class policy-extras.shaping
local module = {}

---No effect here.
---@param file_names? string[]
---@return function
---@deprecated
function module:setup(file_names) end

---No effect here; KumoMTA has it no more.
---@param file_names? string[]
---@return function
---@deprecated
function module:setup_json(file_names) end

---No effect here.
---@param options table
---@return Shaper
---@deprecated
function module:setup_with_automation(options) end

return module
