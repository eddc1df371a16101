-- AUTH against an SQLite database of hashed passwords, asked once a minute for each name.
local sqlite = require 'sqlite'

local hash_of = kumo.memoize(function(user)
  local db = sqlite.open 'auth.db'
  local result = db:execute('select hash from auth where user = ?', user)
  db:close()
  return result[1]
end, { name = 'hashes', ttl = '1 minute', capacity = 10000 })

kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return kumo.crypto.verify_password(password, hash_of(authc))
end)
