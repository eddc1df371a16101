---@meta
-- What editors know of Postern's Lua policies. Made from the tables that register the functions:
-- dialect_kumo_test writes it. See docs/lua-hooks.md.

---@class policy-extras.mail_auth
local module = {}

---Authenticates a message, and adds the results as an Authentication-Results field for later hosts.
---@param msg Message
---@param options? MailAuthOptions
---@return MailAuthResults
function module.check(msg, options) end

---Whether a name of the address resolves to the address (RFC 8601).
---@param ip string
---@param resolver? string
---@return AuthenticationResult
function module.iprev(ip, resolver) end

---The same for the client that the message came from.
---@param msg Message
---@param resolver? string
---@return AuthenticationResult
function module.iprev_msg(msg, resolver) end

return module
