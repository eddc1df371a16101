local kumo = require 'kumo'

kumo.on('init', function()
  kumo.start_esmtp_listener { listen = '${LISTEN}', hostname = 'mx.test.example', relay_hosts = { '127.0.0.1' } }
end)

kumo.on('smtp_server_get_dynamic_parameters', function(listener, conn_meta)
  assert(listener == '${LISTEN}')
  return { banner = 'late', relay_hosts = {}, via = { ['127.0.0.1'] = { hostname = 'other.test.example' } } }
end)
