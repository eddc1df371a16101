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

---Whether an address has a name that has the address (RFC 8601).
---@param ip string
---@param resolver? string
---@return AuthenticationResult
function module.iprev(ip, resolver) end

---The same of the client that the message came from.
---@param msg Message
---@param resolver? string
---@return AuthenticationResult
function module.iprev_msg(msg, resolver) end

return module
