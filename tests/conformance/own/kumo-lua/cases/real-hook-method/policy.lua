kumo.on('smtp_server_message_received', function(msg)
  return msg:accept()
end)
