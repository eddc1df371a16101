kumo.on('smtp_server_message_received', function(msg) kumo.reject(550, '5.7.1 ' .. tostring(msg:from_header())) end)
