kumo.on('smtp_server_message_received', function(msg)
  local from = msg:from_header()
  kumo.reject(550, '5.7.1 ' .. tostring(pcall(function() return from.domain end)) .. ' ' .. #from.list)
end)
