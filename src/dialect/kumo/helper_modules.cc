#include "dialect/kumo/helper_modules.h"

#include "dialect/kumo/dkim_data.h"

namespace postern::dialect::kumo {

namespace {

constexpr std::string_view shaping_text = R"lua(
local kumo = require 'kumo'
local module = {}
local function nothing() end

function module:setup()
  kumo.postern.elsewhere 'policy-extras.shaping:setup'
  return nothing
end

-- Of KumoMTA until 2023.
function module:setup_json()
  kumo.postern.elsewhere 'policy-extras.shaping:setup_json'
  return nothing
end

function module:setup_with_automation()
  kumo.postern.elsewhere 'policy-extras.shaping:setup_with_automation'
  return {
    get_egress_path_config = nothing,
    get_queue_config = nothing,
    setup_publish = nothing,
    should_enqueue_log_record = nothing,
  }
end

return module
)lua";

constexpr std::string_view sources_text = R"lua(
local kumo = require 'kumo'
local module = {}

function module:setup()
  kumo.postern.elsewhere 'policy-extras.sources:setup'
end

return module
)lua";

constexpr std::string_view log_hooks_text = R"lua(
local kumo = require 'kumo'
local module = {}

function module:new()
  kumo.postern.elsewhere 'policy-extras.log_hooks:new'
end

function module:new_json()
  kumo.postern.elsewhere 'policy-extras.log_hooks:new_json'
end

function module:new_disposition_hook()
  kumo.postern.elsewhere 'policy-extras.log_hooks:new_disposition_hook'
end

return module
)lua";

constexpr std::string_view warmup_text = R"lua(
local kumo = require 'kumo'
local module = {}

function module:setup()
  kumo.postern.elsewhere 'policy-extras.warmup:setup'
  return {
    apply_to_params = function() end,
    wrap = function(handler)
      return handler
    end,
  }
end

return module
)lua";

// Scripts call these functions for each message, so `require` gives the warning, once.
constexpr std::string_view rollup_text = R"lua(
local kumo = require 'kumo'
local module = {}
kumo.postern.elsewhere 'policy-extras.rollup'

function module.reroute_based_on_mx_host_suffix() end
function module.reroute_using_ip_rollup() end
function module.apply_ip_rollup_to_queue_config() end

return module
)lua";

// KumoMTA asks the system's resolver by a program; here the container's DNS is asked.
constexpr std::string_view docker_utils_text = R"lua(
local kumo = require 'kumo'
local module = {}

function module.resolve_docker_name(name)
  local found = {}
  for _, address in ipairs(kumo.dns.lookup_addr(name)) do
    if not address:find(':', 1, true) then
      found[#found + 1] = address
    end
  end
  return found
end

function module.resolve_docker_network()
  local name = os.getenv 'HOSTNAME'
  if not name then
    error('HOSTNAME is not set in the environment', 2)
  end
  local address = module.resolve_docker_name(name)[1]
  if not address then
    error('the host ' .. name .. ' has no IPv4 address', 2)
  end
  return (address:gsub('%d+$', '0')) .. '/24'
end

-- The addresses of KumoMTA's shaping daemon, for which there is no use here.
function module.resolve_tsa_endpoints()
  return {}
end

return module
)lua";

constexpr std::string_view policy_utils_text = R"lua(
local kumo = require 'kumo'
local module = {}

local function same(a, b, plain)
  if a == b then
    return true
  end
  if type(a) ~= 'table' or type(b) ~= 'table' then
    return false
  end
  local meta = getmetatable(a)
  if not plain and type(meta) == 'table' and meta.__eq then
    return false
  end
  for key, value in pairs(a) do
    if b[key] == nil or not same(value, b[key], plain) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end
module.equals = same

local function fail(message, text)
  error((message and message .. '. ' or '') .. text, 3)
end

function module.assert_eq(a, b, message)
  if not same(a, b) then
    fail(message, 'expected ' .. kumo.json_encode(a) .. ' == ' .. kumo.json_encode(b))
  end
end

function module.assert_ne(a, b, message)
  if same(a, b) then
    fail(message, 'expected ' .. kumo.json_encode(a) .. ' ~= ' .. kumo.json_encode(b))
  end
end

function module.assert_matches(text, pattern, message)
  if not kumo.regex.compile(pattern):is_match(text) then
    fail(message, 'expected "' .. text .. '" to match "' .. pattern .. '"')
  end
end

function module.merge_into(from, into)
  for key, value in pairs(from or {}) do
    into[key] = value
  end
end

function module.recursive_merge_into(from, into)
  for key, value in pairs(from or {}) do
    if type(value) == 'table' and type(into[key]) == 'table' then
      module.recursive_merge_into(value, into[key])
    else
      into[key] = value
    end
  end
end

function module.table_contains(list, wanted)
  for _, value in pairs(list) do
    if wanted ~= nil and value == wanted then
      return true
    end
  end
  return false
end

function module.table_keys(of)
  local keys = {}
  for key in pairs(of) do
    keys[#keys + 1] = key
  end
  return keys
end

function module.table_is_empty(of)
  return next(of) == nil
end

function module.load_json_or_toml_file(name)
  if type(name) == 'table' then
    return name
  end
  return name:sub(-5) == '.toml' and kumo.toml_load(name) or kumo.json_load(name)
end

function module.starts_with(text, prefix)
  return text:sub(1, #prefix) == prefix
end

function module.ends_with(text, suffix)
  return suffix == '' or text:sub(-#suffix) == suffix
end

function module.split_ip_port(text)
  local address, port = text:match '^(.*):(%d+)$'
  if not address then
    return nil
  end
  return address:match '^%[(.*)%]$' or address, port
end

local function dump(value, indent, open)
  if type(value) == 'number' or type(value) == 'boolean' then
    return tostring(value)
  elseif type(value) ~= 'table' then
    return string.format('%q', tostring(value))
  elseif open[value] then
    return '[recursive node]'
  end
  open[value] = true
  local keys = module.table_keys(value)
  table.sort(keys, function(a, b)
    if type(a) == type(b) and (type(a) == 'number' or type(a) == 'string') then
      return a < b
    end
    return type(a) < type(b)
  end)
  local lines = {}
  for _, key in ipairs(keys) do
    local shown = (type(key) == 'number' or type(key) == 'string') and string.format('%q', key) or tostring(key)
    lines[#lines + 1] = indent .. '[' .. shown .. '] = ' .. dump(value[key], indent .. '  ', open)
  end
  open[value] = nil
  if #lines == 0 then
    return '{}'
  end
  return '{\n' .. table.concat(lines, ',\n') .. '\n' .. indent:sub(3) .. '}'
end

function module.dumps(value)
  return value ~= nil and dump(value, '  ', {}) or nil
end

return module
)lua";

constexpr script::HostFunction shaping_rows[] = {
    {"policy-extras.shaping:setup", "file_names?: string[]", "function", "No effect here.",
     nullptr},
    {"policy-extras.shaping:setup_json", "file_names?: string[]", "function",
     "No effect here; KumoMTA has it no more.", nullptr},
    {"policy-extras.shaping:setup_with_automation", "options: table", "Shaper", "No effect here.",
     nullptr},
};
constexpr script::HostFunction sources_rows[] = {
    {"policy-extras.sources:setup", "file_names: (string|table)[]", "", "No effect here.", nullptr},
};
constexpr script::HostFunction log_hooks_rows[] = {
    {"policy-extras.log_hooks:new", "options: table", "", "No effect here.", nullptr},
    {"policy-extras.log_hooks:new_json", "options: table", "", "No effect here.", nullptr},
    {"policy-extras.log_hooks:new_disposition_hook", "options: table", "", "No effect here.",
     nullptr},
};
constexpr script::HostFunction warmup_rows[] = {
    {"policy-extras.warmup:setup", "file_names: (string|table)[]", "Warmer", "No effect here.",
     nullptr},
};
constexpr script::HostFunction rollup_rows[] = {
    {"policy-extras.rollup.reroute_based_on_mx_host_suffix",
     "msg: Message, mapping: table<string, string>", "", "No effect here.", nullptr},
    {"policy-extras.rollup.reroute_using_ip_rollup", "msg: Message, mapping: table<string, string>",
     "", "No effect here.", nullptr},
    {"policy-extras.rollup.apply_ip_rollup_to_queue_config",
     "domain: string, routing_domain: string|nil, params: table", "", "No effect here.", nullptr},
};
constexpr script::HostFunction docker_utils_rows[] = {
    {"policy-extras.docker_utils.resolve_docker_name", "name: string", "string[]",
     "The IPv4 addresses of a service or container, by DNS.", nullptr},
    {"policy-extras.docker_utils.resolve_docker_network", "", "string",
     "The network of this container, `198.51.100.0/24`: that of the address of HOSTNAME.", nullptr},
    {"policy-extras.docker_utils.resolve_tsa_endpoints", "", "string[]",
     "Empty: there is no shaping daemon.", nullptr},
};
constexpr script::HostFunction policy_utils_rows[] = {
    {"policy-extras.policy_utils.merge_into", "from: table|nil, into: table", "",
     "Sets every key of `from` in `into`.", nullptr},
    {"policy-extras.policy_utils.recursive_merge_into", "from: table|nil, into: table", "",
     "The same; tables in both are merged.", nullptr},
    {"policy-extras.policy_utils.table_contains", "list: table, wanted: any", "boolean",
     "Whether one of the values is `wanted`.", nullptr},
    {"policy-extras.policy_utils.table_keys", "of: table", "any[]",
     "The keys, in no particular "
     "order.",
     nullptr},
    {"policy-extras.policy_utils.table_is_empty", "of: table", "boolean", "Whether it has no key.",
     nullptr},
    {"policy-extras.policy_utils.equals", "a: any, b: any, ignore_metatables?: boolean", "boolean",
     "Whether two values are equal, tables by their contents.", nullptr},
    {"policy-extras.policy_utils.assert_eq", "a: any, b: any, message?: string", "",
     "An error unless they are the same.", nullptr},
    {"policy-extras.policy_utils.assert_ne", "a: any, b: any, message?: string", "",
     "An error if they are the same.", nullptr},
    {"policy-extras.policy_utils.assert_matches", "text: string, pattern: string, message?: string",
     "", "An error unless the regular expression matches.", nullptr},
    {"policy-extras.policy_utils.load_json_or_toml_file", "name: string|table", "table",
     "The data of a file, TOML where its name ends in `.toml`, else JSON; a table is handed back.",
     nullptr},
    {"policy-extras.policy_utils.starts_with", "text: string, prefix: string", "boolean",
     "Whether the text begins with `prefix`.", nullptr},
    {"policy-extras.policy_utils.ends_with", "text: string, suffix: string", "boolean",
     "Whether the text ends with `suffix`.", nullptr},
    {"policy-extras.policy_utils.split_ip_port", "text: string", "string|nil, string|nil",
     "Address and port of `192.0.2.1:25` or `[2001:db8::1]:25`; nil for other text.", nullptr},
    {"policy-extras.policy_utils.dumps", "value: any", "string|nil", "The value as readable text.",
     nullptr},
};

}  // namespace

std::span<const Module> helper_modules() {
  static const Module modules[] = {
      {"policy-extras.shaping", shaping_text, shaping_rows},
      {"policy-extras.sources", sources_text, sources_rows},
      {"policy-extras.log_hooks", log_hooks_text, log_hooks_rows},
      {"policy-extras.warmup", warmup_text, warmup_rows},
      {"policy-extras.rollup", rollup_text, rollup_rows},
      {"policy-extras.docker_utils", docker_utils_text, docker_utils_rows},
      {"policy-extras.policy_utils", policy_utils_text, policy_utils_rows},
      {"policy-extras.dkim_sign", dkim_sign_module_text(), dkim_sign_module_rows()},
  };
  return modules;
}

}  // namespace postern::dialect::kumo
