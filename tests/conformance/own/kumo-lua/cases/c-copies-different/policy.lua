kumo.on('smtp_server_message_received', function(msg)
  local user = msg:recipient().user
  msg:prepend_header('X-For', user)
  if user == 'c' then msg:set_data('X-For: c\n\nanother text\n') end
end)
