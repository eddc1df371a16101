local address
kumo.on('smtp_server_connection_accepted', function(conn_meta) end)
local helper = require('policy-extras.listener_domains'):setup { {
  ['shut.example'] = { relay_to = true },
  listener = { ['${LISTEN}'] = { ['shut.example'] = { relay_to = false }, ['here.example'] = { relay_to = true } } },
} }
kumo.on('get_listener_domain', helper)
kumo.on('init', function()
  kumo.start_esmtp_listener { listen = '${LISTEN}', relay_hosts = {}, hostname = 'mx.test.example' }
end)
