kumo.on('smtp_server_message_received', function(msg)
  local to = msg:to_header()
  kumo.reject(550, '5.7.1 ' .. type(to) .. ' ' .. #to.list)
end)
