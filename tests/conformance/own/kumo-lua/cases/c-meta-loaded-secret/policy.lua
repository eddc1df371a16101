
kumo.on('smtp_server_ehlo', function(domain, conn_meta) conn_meta:set_meta('x_pool', kumo.secrets.load { key_data = 'gold' }) conn_meta:set_meta('x_kind', 'golden') end)
kumo.on('smtp_server_message_received', function(msg) kumo.reject(550, '5.7.1 ' .. tostring(msg:get_meta 'x_pool') .. ' ' .. tostring(msg:get_meta 'x_kind')) end)
