
kumo.on('smtp_server_auth_plain', function(z, c, p, conn_meta) conn_meta:set_meta('x_pw', p) return p == 'tigertiger99' end)
kumo.on('smtp_server_message_received', function(msg, conn_meta) msg:set_meta('x_copy', conn_meta:get_meta 'x_pw') end)
