local sqlite = require 'sqlite'
kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  local db = sqlite.open ':memory:'
  db:execute 'create table seen (p text unique)'
  db:execute('insert into seen values (?)', password)
  db:execute('insert into seen values (?)', password)
  return true
end)
