kumo.on('smtp_server_message_received', function(msg) msg:prepend_header('X-Emoji', '👾') end)
