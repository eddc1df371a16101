#include "script/lua_io.h"

#include "script/blocking.h"
#include "script/state.h"

namespace postern::script {
namespace {

// Written in Lua: it can wait for a file and yields like any script, and no C++ destructor is
// skipped by a Lua error.
constexpr std::string_view io_library = R"lua(
local files, read_file, read_program, loaded, preload = ...
local error, load, select, setmetatable = error, load, select, setmetatable
local tonumber, tostring, type = tonumber, tostring, type
local find, gmatch, gsub, match, sub = string.find, string.gmatch, string.gsub, string.match, string.sub
local concat, unpack = table.concat, table.unpack
local tointeger = math.tointeger

-- `files`, with weak keys, has of a file object its path, its text (none: closed), and where the next octet is.

local function need_string(value, number, name)
  if type(value) ~= 'string' then
    error("bad argument #" .. number .. " to '" .. name .. "' (string expected, got " .. type(value) .. ')', 3)
  end
end

local function opened(object, name)
  local file = files[object]
  if not file then
    error("bad argument #1 to '" .. name .. "' (FILE* expected, got " .. type(object) .. ')', 3)
  end
  if not file.text then error('attempt to use a closed file', 3) end
  return file
end

local function read_line(file, with_end)
  local text, at = file.text, file.at
  if at > #text then return nil end
  local stop = find(text, '\n', at, true)
  file.at = (stop or #text) + 1
  if stop and not with_end then stop = stop - 1 end
  return sub(text, at, stop)
end

local function read_all(file)
  local at = file.at
  file.at = #file.text + 1
  return sub(file.text, at)
end

local function read_octets(file, count)
  local text, at = file.text, file.at
  if at > #text then return nil end
  if count > #text then count = #text end
  file.at = at + count
  return sub(text, at, at + count - 1)
end

-- As far as the text looks like a numeral.
local function read_number(file)
  local text = file.text
  local from = find(text, '%S', file.at) or #text + 1
  local hexadecimal = match(text, '^[+-]?0[xX]%x*%.?%x*', from)
  local digits = hexadecimal or match(text, '^[+-]?%d*%.?%d*', from)
  local exponent = match(text, hexadecimal and '^[pP][+-]?%d*' or '^[eE][+-]?%d*', from + #digits) or ''
  file.at = from + #digits + #exponent
  return tonumber(digits .. exponent)
end

local readers = {
  l = read_line,
  L = function(file) return read_line(file, true) end,
  a = read_all,
  n = read_number,
}

-- Errors are told to the caller's caller, or `level` further up.
local function read(file, level, ...)
  local count = select('#', ...)
  if count == 0 then return read_line(file) end
  local results = {}
  for i = 1, count do
    local wanted = select(i, ...)
    local value
    local octets = type(wanted) == 'number' and tointeger(wanted)
    if octets and octets >= 0 then
      value = read_octets(file, octets)
    else
      local reader = readers[type(wanted) == 'string' and match(wanted, '^%*?(.)')]
      if not reader then
        error('bad argument #' .. i .. " to 'read' (invalid format)", level)
      end
      value = reader(file)
    end
    results[i] = value
    if value == nil then return unpack(results, 1, i) end
  end
  return unpack(results, 1, count)
end

local function close(object)
  opened(object, 'close').text = nil
  return true
end

local function lines(object, closes, ...)
  local file = files[object]
  local formats, count = {...}, select('#', ...)
  local function finish(first, ...)
    if first == nil and closes then file.text = nil end
    return first, ...
  end
  return function()
    if not file.text then error('file is already closed', 2) end
    return finish(read(file, 3, unpack(formats, 1, count)))
  end
end

local origins = {
  set = function() return 0 end,
  cur = function(file) return file.at - 1 end,
  ['end'] = function(file) return #file.text end,
}

local methods = {
  close = close,
  read = function(object, ...) return read(opened(object, 'read'), 2, ...) end,
  lines = function(object, ...)
    opened(object, 'lines')
    return lines(object, false, ...)
  end,
  seek = function(object, origin, offset)
    local file = opened(object, 'seek')
    local from = origins[origin or 'cur']
    local distance = tointeger(offset or 0)
    if not from then error("bad argument #1 to 'seek' (invalid option '" .. tostring(origin) .. "')", 2) end
    if not distance then error("bad argument #2 to 'seek' (integer expected)", 2) end
    local to = from(file) + distance
    if to < 0 then return nil, file.path .. ': Invalid argument' end
    file.at = to + 1
    return to
  end,
}

local metatable = {
  __index = methods,
  __name = 'FILE*',
  __metatable = false,
  __close = function(object) files[object].text = nil end,
  __tostring = function(object)
    local file = files[object]
    return 'file (' .. (file.text and file.path or 'closed') .. ')'
  end,
}

local function open(path)
  local text, trouble = read_file(path)
  if not text then return nil, trouble end
  local object = setmetatable({}, metatable)
  files[object] = {path = path, text = text, at = 1}
  return object
end

io = {
  open = function(path, mode)
    need_string(path, 1, 'open')
    if mode ~= nil and mode ~= 'r' and mode ~= 'rb' then
      return nil, path .. ": files can only be read here, not opened with mode '" .. tostring(mode) .. "'"
    end
    return open(path)
  end,
  lines = function(path, ...)
    need_string(path, 1, 'lines')
    local object, trouble = open(path)
    if not object then error(trouble, 2) end
    return lines(object, true, ...), nil, nil, object
  end,
  type = function(object)
    local file = files[object]
    return file and (file.text and 'file' or 'closed file')
  end,
}
loaded.io = io

-- A first line that names an interpreter is a comment.
local function load_text(text, path, ...)
  if find(text, '^\xEF\xBB\xBF') then text = sub(text, 4) end
  if find(text, '^#') then text = '--' .. text end
  return load(text, '@' .. path, 't', ...)
end

local function loadfile(path, _, ...)
  need_string(path, 1, 'loadfile')
  local text, trouble = read_program(path)
  if not text then return nil, trouble end
  return load_text(text, path, ...)
end

_G.loadfile = loadfile

function dofile(path)
  need_string(path, 1, 'dofile')
  local chunk, trouble = loadfile(path)
  if not chunk then error(trouble, 0) end
  return chunk()
end

package = {
  config = '/\n;\n?\n!\n-\n',
  cpath = '',
  loaded = loaded,
  path = '?.lua;?/init.lua',
  preload = preload,
}
loaded.package = package
local package = package

local function find_module(name)
  local tried = {}
  local file = gsub(gsub(name, '%.', '/'), '%%', '%%%%')
  for template in gmatch(package.path, '[^;]+') do
    local path = gsub(template, '%?', file)
    local text, trouble = read_program(path)
    if text then
      local chunk, mistake = load_text(text, path)
      if not chunk then error(mistake, 0) end
      return chunk, path
    end
    tried[#tried + 1] = trouble
  end
  error("module '" .. name .. "' not found: " .. concat(tried, '; '), 3)
end

function require(name)
  need_string(name, 1, 'require')
  if loaded[name] then return loaded[name] end
  local loader, origin = preload[name], ':preload:'
  if loader == nil then loader, origin = find_module(name) end
  local value = loader(name, origin)
  if value ~= nil then
    loaded[name] = value
  elseif loaded[name] == nil then
    loaded[name] = true
  end
  return loaded[name], origin
end
)lua";

/// Owned by the job of World::blocking(), as its call may have ended meanwhile.
struct Reading {
  Files files;
  std::string path;
  Result<std::string> text = std::string();
};

Many text_or_trouble(const Result<std::string>& text) {
  if (!text) return Many{{nullptr, json::value(text.error().message)}};
  return Many{{json::value(*text)}};
}

/// The text of a file, or nil and the reason.
Task<Many> read_file(Call& call, std::string path) {
  const auto reading = std::make_shared<Reading>(Reading{call.state().files(), std::move(path)});
  std::function<void()> job = [reading] { reading->text = reading->files.read(reading->path); };
  const Result<void> done = co_await blocking(call, std::move(job));
  if (!done) reading->text = tl::unexpected(done.error());
  co_return text_or_trouble(reading->text);
}

/// The same for a program file. It does not wait: answers are recorded, code is not.
Many read_program(Call& call, std::string path) {
  return text_or_trouble(call.state().files().read(path));
}

}  // namespace

void open_io(lua_State* L) {
  if (luaL_loadbufferx(L, io_library.data(), io_library.size(), "=io", "t") != LUA_OK) lua_error(L);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_pushcfunction(L, bind<&read_file>);
  lua_pushcfunction(L, bind<&read_program>);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_call(L, 5, 0);
}

}  // namespace postern::script
