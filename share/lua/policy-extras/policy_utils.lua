---@meta
-- What editors know of Postern's Lua policies. Made from the tables that register the functions:
-- dialect_kumo_test writes it. See docs/lua-hooks.md.

---@class policy-extras.policy_utils
local module = {}

---Sets every key of `from` in `into`.
---@param from table|nil
---@param into table
function module.merge_into(from, into) end

---The same; tables in both are merged.
---@param from table|nil
---@param into table
function module.recursive_merge_into(from, into) end

---Whether one of the values is `wanted`.
---@param list table
---@param wanted any
---@return boolean
function module.table_contains(list, wanted) end

---The keys, in no particular order.
---@param of table
---@return any[]
function module.table_keys(of) end

---Whether it has no key.
---@param of table
---@return boolean
function module.table_is_empty(of) end

---Whether two values are equal, tables by their contents.
---@param a any
---@param b any
---@param ignore_metatables? boolean
---@return boolean
function module.equals(a, b, ignore_metatables) end

---An error unless they are the same.
---@param a any
---@param b any
---@param message? string
function module.assert_eq(a, b, message) end

---An error if they are the same.
---@param a any
---@param b any
---@param message? string
function module.assert_ne(a, b, message) end

---An error unless the regular expression matches.
---@param text string
---@param pattern string
---@param message? string
function module.assert_matches(text, pattern, message) end

---The data of a file, TOML where its name ends in `.toml`, else JSON; a table is handed back.
---@param name string|table
---@return table
function module.load_json_or_toml_file(name) end

---Whether the text begins with `prefix`.
---@param text string
---@param prefix string
---@return boolean
function module.starts_with(text, prefix) end

---Whether the text ends with `suffix`.
---@param text string
---@param suffix string
---@return boolean
function module.ends_with(text, suffix) end

---Address and port of `192.0.2.1:25` or `[2001:db8::1]:25`; nil for other text.
---@param text string
---@return string|nil, string|nil
function module.split_ip_port(text) end

---The value as readable text.
---@param value any
---@return string|nil
function module.dumps(value) end

return module
