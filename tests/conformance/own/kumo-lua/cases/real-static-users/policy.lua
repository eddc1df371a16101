local kumo = require 'kumo'
local listener_domains = require 'policy-extras.listener_domains'

kumo.on('init', function()
  kumo.define_spool { name = 'data', path = '/var/spool/kumomta/data' }
  kumo.start_esmtp_listener {
    listen = '${LISTEN}',
    hostname = 'mx.test.example',
    relay_hosts = {},
  }
end)

local users = {
  tony = 'tiger',
  ['ann@sender.example'] = 'swordfish',
}

kumo.on('smtp_server_auth_plain', function(authz, authc, password, conn_meta)
  if password == '' then
    return false
  end
  return users[authc] == password
end)

kumo.on('get_listener_domain', listener_domains:setup {
  { ['sender.example'] = { relay_from_authz = { 'ann@sender.example' } } },
})
