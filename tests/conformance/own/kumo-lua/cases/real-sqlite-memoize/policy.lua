local kumo = require 'kumo'
local sqlite = require 'sqlite'

kumo.on('init', function()
  kumo.configure_local_logs { log_dir = '/var/log/kumomta' }
  kumo.start_esmtp_listener { listen = '${LISTEN}', hostname = 'mx.test.example' }
end)

local function lookup(user)
  local db = sqlite.open '${DIR}/users.db'
  local rows = db:execute('select email, password from users where email = ?', user)
  db:close()
  return rows[1] and rows[1].password
end

local cached_lookup = kumo.memoize(lookup, {
  name = 'sqlite_auth',
  ttl = '5 minutes',
  capacity = 100,
})

kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  local wanted = cached_lookup(authc)
  return wanted ~= nil and wanted == password
end)
