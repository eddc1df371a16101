---@meta
-- What editors know of Postern's Lua policies. Made from the tables that register the functions:
-- dialect_test writes it. See docs/lua-hooks.md.

---@class policy-extras.mail_auth
local module = {}

---Checks who vouches for a message, and tells those behind in an Authentication-Results field.
---@param msg Message
---@param options? MailAuthOptions
---@return MailAuthResults
function module.check(msg, options) end

return module
