---@meta
-- What editors know of Postern's Lua policies. Made from the tables that register the functions:
-- dialect_kumo_test writes it. See docs/lua-hooks.md.

---@class sqlite
local sqlite = {}

---Opens an SQLite database: a file, relative to the policy's folder, that must exist and be outside
---`server.data_dir`, or `:memory:`, of at most 32 MiB. A file is read only unless the mode is 'rw'.
---A statement waits `busy_ms` milliseconds (500) for other writers.
---@param path string
---@param busy_ms? integer
---@param mode? 'ro'|'rw'
---@return Connection
function sqlite.open(path, busy_ms, mode) end

return sqlite
