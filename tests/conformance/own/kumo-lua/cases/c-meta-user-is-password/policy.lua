
kumo.on('smtp_server_auth_plain', function(z, c, p, conn_meta) conn_meta:set_meta('x_user', c) return p == 'scott' end)
kumo.on('smtp_server_message_received', function(msg) kumo.reject(550, '5.7.1 ' .. tostring(msg:get_meta 'x_user')) end)
