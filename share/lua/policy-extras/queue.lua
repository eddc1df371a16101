---@meta
-- What editors know of Postern's Lua policies. Made from the tables that register the functions:
-- dialect_kumo_test writes it. See docs/lua-hooks.md.

---@class policy-extras.queue
local module = {}

---Reads and checks the files, in this order; a table may take the place of a file. Callable once,
---while the policy loads.
---@param file_names (string|table)[]
---@return QueueHelper
function module:setup(file_names) end

---The same; the other options have no effect.
---@param options { file_names: (string|table)[], skip_queue_config_hook?: boolean, invalidate_with_epoch?: boolean }
---@return QueueHelper
function module:setup_with_options(options) end

return module
