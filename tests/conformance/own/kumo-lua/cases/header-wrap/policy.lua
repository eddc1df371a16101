kumo.on('smtp_server_message_received', function(msg)
  msg:prepend_header('X-Long', kumo.string.wrap(('hello there '):rep(20)))
end)
