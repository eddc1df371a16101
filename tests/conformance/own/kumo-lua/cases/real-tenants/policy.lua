local kumo = require 'kumo'
local queue_module = require 'policy-extras.queue'
local shaping = require 'policy-extras.shaping'
local rollup = require 'policy-extras.rollup'

local queue_helper = queue_module:setup { '${DIR}/queues.toml', '${DIR}/more.json' }
kumo.on('get_egress_path_config', shaping:setup { '/opt/kumomta/etc/shaping.toml' })

kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return ({ scott = 'tiger' })[authc] == password
end)

kumo.on('smtp_server_message_received', function(msg)
  msg:import_x_headers { 'x-customer-id', 'Subject' }
  queue_helper:apply(msg)
  rollup.reroute_based_on_mx_host_suffix(msg, { ['.protection.example.'] = 'hosted.example' })
  msg:remove_x_headers()
end)
