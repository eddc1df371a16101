local kumo = require 'kumo'
local dkim_sign = require 'policy-extras.dkim_sign'

local dkim_signer = dkim_sign:setup { '${DIR}/dkim_data.toml' }

kumo.on('smtp_server_message_received', function(msg)
  -- What is changed after the signature breaks it.
  msg:remove_x_headers { 'x-tenant' }
  dkim_signer(msg)
end)

kumo.on('http_message_generated', function(msg)
  dkim_signer(msg)
end)
