kumo.on('smtp_server_message_received', function(msg) msg:append_header('X-Long', ('a'):rep(1500), true) end)
