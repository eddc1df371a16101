kumo.on('smtp_server_message_received', function(msg)
  local user = msg:recipient().user
  msg:prepend_header('X-For', user)
  if user == 'bad' then msg:set_data(' begins with white space\r\n\r\ntext\r\n') end
end)
