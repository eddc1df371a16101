-- What a hook tries is named by the sender.
local tries = {}
function tries.xpcall(conn_meta)
  local function f() return xpcall(f, f) end f() error('out')
end
function tries.pcall(conn_meta)
  local function f() return pcall(f) end f() error('out')
end
function tries.close(conn_meta)
  local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() while true do end end}) coroutine.yield() end) coroutine.resume(co) coroutine.close(co)
end
function tries.chain(conn_meta)
  local before for i = 1, 3000 do local last = before local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() coroutine.close(last) end}) coroutine.yield() end) coroutine.resume(co) before = co end coroutine.close(before) error('out')
end
function tries.call(conn_meta)
  local t = setmetatable({}, {}) getmetatable(t).__call = t t()
end
function tries.index(conn_meta)
  local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x
end
function tries.text(conn_meta)
  error(setmetatable({}, {__tostring = function(s) return tostring(s) end}))
end
function tries.stack(conn_meta)
  conn_meta:set_meta('x', {}, table.unpack({}, 1, 90000)) error('out')
end
function tries.gsub(conn_meta)
  while true do ('x'):rep(1 << 20):gsub('.', 'yy') end
end
function tries.pack(conn_meta)
  local s = ('b'):rep(60000) while true do string.packsize(s) end
end
function tries.compare(conn_meta)
  local s = ('x'):rep(1 << 20) .. 'a' local u = ('x'):rep(1 << 20) .. 'b' while true do if s == u then break end end
end
function tries.load(conn_meta)
  while true do load(('x = 1 '):rep(1000)) end
end
function tries.reader(conn_meta)
  load(function() while true do end end)
end
function tries.date(conn_meta)
  os.date(('%c'):rep(1e5))
end
function tries.depth(conn_meta)
  local function f() return 1 + f() end f()
end
function tries.keys(conn_meta)
  local t = {} for i = 1, math.huge do t['k' .. i] = i end
end
kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local try = tries[sender.user]
  if try then try(conn_meta) end
end)
