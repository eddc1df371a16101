#include "dialect/vsl/machine.h"

namespace postern::dialect::vsl {

namespace {

/// The functions that call functions of the script, or host functions that may wait. Compiled lines
/// find them in `H`.
constexpr std::string_view runtime_source = R"lua(
local C = require 'vsl_machine'
local H = { m = {}, files = {} }
for name, f in next, C do H[name] = f end
for name, f in next, (require 'vsl_method') do H.m[name] = f end
local found, S = pcall(require, 'vsl')
H.library = {}
for name, f in next, found and S or {} do H.library[name] = f end
S = H.library
H.unit, H.none = C.unit_value(), C.none_value()
H.depth = C.depth_limit()
H.pcall = pcall
local U, N = H.unit, H.none
local adopt, fail = C.adopt, C.fail

function H.file(index, name, needed)
  local file = { name = name, needed = needed, variables = {}, constants = {}, exports = {}, functions = {}, shown = {} }
  H.files[index] = file
  return file
end

local function run(file)
  if file.started then return end
  file.started = true
  file.main(1)
end

function H.import(index)
  run(H.files[index])
  return H.files[index]
end

-- Of a path that is no text but computed.
function H.import_of(file, path)
  path = C.text(path)
  local found = H.files[C.find_import(file.name, path)]
  if found == nil then fail("cannot find module '" .. path .. "'") end
  if found.trouble then fail("cannot import '" .. path .. "': " .. found.trouble) end
  run(found)
  return found
end

-- Each file runs before the first message comes. Those that may be imported by a computed path and
-- are not named otherwise may fail until somebody wants them.
function H.load()
  C.loading(true)
  H.at_load = true
  for _, file in ipairs(H.files) do
    if file.needed then
      run(file)
    else
      local well, trouble = pcall(run, file)
      if not well then file.trouble = C.text(C.caught(trouble)) end
    end
  end
  C.loading(false)
  H.at_load = nil
end

function H.no_module(alias)
  fail("module '" .. alias .. "' is not imported")
end

local function library(name)
  return S[name] or fail('there is no ' .. name .. ' here')
end

function H.predefined(name)
  local value
  if S.predefined then value = S.predefined(name) end
  if value == nil or value == U then C.no_variable(name) end
  return adopt(value)
end

function H.exported(file, alias, name)
  if file == nil then
    if alias == 'toml' then return adopt(library('toml')(name)) end
    if alias == 'sys' then return H.predefined(name) end
    H.no_module(alias)
  end
  local value = file.exports[name]
  if value == nil then fail("'" .. name .. "' is not exported by module '" .. alias .. "'") end
  return value
end

function H.shown(file, alias, name, count)
  if file == nil then H.no_module(alias) end
  local f = file.shown[name .. '/' .. count]
  if f == nil then C.no_function(alias .. '::' .. name, count) end
  return f
end

function H.assign(file, name, value)
  if file.constants[name] then C.constant(name) end
  C.changing(name)
  file.variables[name] = value
end

function H.object(kind, content, name, value, file)
  if kind ~= 'file' then return adopt(library('make_object')(kind, value)) end
  if C.is_map(value) then value = value.value end
  if type(value) ~= 'string' then fail("object '" .. name .. "' needs the path of a file") end
  return C.list_file(content, value, file)
end

function H.service(name, kind, content, options)
  if not C.is_map(options) then fail("the options of service '" .. name .. "' are a map") end
  return adopt(library('make_service')(name, kind, content, options))
end

function H.serve(value, name, ...)
  if not C.foreign(value) then C.no_method(value, name, select('#', ...)) end
  if not S.call_service then fail('there is no call_service here') end
  return adopt(S.call_service(value, name, ...))
end

function H.directive(index, word, name, body)
  local f = body
  if C.is_map(body) then
    f = body.evaluate
    if f == nil then fail(word .. ' "' .. name .. '" lacks its `evaluate` function') end
  end
  if type(f) ~= 'function' then
    fail(word .. ' "' .. name .. '" needs a function without parameters or a map with `evaluate`')
  end
  if index then C.keep(index, f) end
end

-- What calls `f`, a function or the name of one, with `count` values.
local function caller(D, functions, f, count)
  if type(f) == 'string' then
    local own = functions[f .. '/' .. count]
    if own then return function(...) return own(D + 1, U, ...) end end
    local method = count == 1 and H.m[f]
    if not method then C.no_function(f, count) end
    return function(value)
      local result = method(value)
      if result == N then C.no_method(value, f, 0) end
      return result
    end
  end
  C.callable(f)
  return function(...) return f(D + 1, count, ...) end
end

function H.m.map(D, functions, list, f)
  if not C.is_array(list) then return N end
  local call, size = caller(D, functions, f, 1), #list
  local made = C.array(size)
  for i = 1, size do
    local value = list[i]
    if value == nil then break end
    made[i] = call(value)
  end
  return made
end

function H.m.filter(D, functions, list, f)
  if not C.is_array(list) then return N end
  local call, size, count = caller(D, functions, f, 1), #list, 0
  local made = C.array(0)
  for i = 1, size do
    local value = list[i]
    if value == nil then break end
    local keep = call(value)
    if keep ~= true and keep ~= false then C.no_condition() end
    if keep then
      count = count + 1
      made[count] = value
    end
  end
  return made
end

-- Stable: `less` is asked whether the later one comes first.
local function merge_sort(list, other, from, to, less)
  if to - from < 1 then return end
  local middle = (from + to) // 2
  merge_sort(list, other, from, middle, less)
  merge_sort(list, other, middle + 1, to, less)
  local left, right = from, middle + 1
  for i = from, to do
    if right > to or (left <= middle and not less(list[right], list[left])) then
      other[i] = list[left]
      left = left + 1
    else
      other[i] = list[right]
      right = right + 1
    end
  end
  for i = from, to do list[i] = other[i] end
end

function H.m.sort(D, functions, list, f)
  if not C.is_array(list) then return N end
  C.changeable(list)
  if f == nil then
    C.sort_plain(list)
    return U
  end
  local call, sorted = caller(D, functions, f, 2), {}
  for i = 1, #list do sorted[i] = list[i] end
  local function less(a, b)
    local order = call(a, b)
    if order == true or order == false then return order end
    if math.type(order) ~= 'integer' then fail('what compares for `sort` answers a number or a boolean') end
    return order < 0
  end
  merge_sort(sorted, {}, 1, #sorted, less)
  for i = 1, math.min(#list, #sorted) do list[i] = sorted[i] end
  return U
end

-- Each call is looked at first; see Watch.
if C.watched() then
  local function watch(name, f)
    return function(...)
      local given, value = C.look(name, ...)
      if given then return value end
      return f(...)
    end
  end
  for name, f in next, C do H[name] = watch(name, f) end
  H.import_of = watch('import_of', H.import_of)
  for name, f in next, H.m do H.m[name] = watch('m.' .. name, f) end
  for name, f in next, S do S[name] = watch('s.' .. name, f) end
end

return H
)lua";

}  // namespace

std::string_view runtime_text() { return runtime_source; }

}  // namespace postern::dialect::vsl
