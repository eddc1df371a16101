---@meta
-- What editors know of Postern's Lua policies. Made from the tables that register the functions:
-- dialect_kumo_test writes it. See docs/lua-hooks.md.

---@class policy-extras.dkim_sign
local module = {}

---Reads and checks the files; the result signs a message for the domain of its From field, and with
---the signatures of `base.additional_signatures`. Callable once, while the policy loads. Keys are
---read again after five minutes; key files must exist when the policy loads.
---@param file_names (string|table)[]
---@return fun(msg: Message)
function module:setup(file_names) end

return module
