local dkim_sign = require 'policy-extras.dkim_sign'
local signer = dkim_sign:setup { '${DIR}/dkim_data.toml' }
kumo.on('smtp_server_message_received', function(msg) signer(msg) end)
