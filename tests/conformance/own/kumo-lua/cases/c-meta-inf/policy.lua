
kumo.on('smtp_server_message_received', function(msg) msg:set_meta('x_rate', 1 / 0) end)
