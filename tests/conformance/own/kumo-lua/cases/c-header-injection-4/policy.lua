kumo.on('smtp_server_message_received', function(msg)
  if msg:get_first_named_header_value 'Subject' == 'append' then
    msg:append_header('X:A', 'v')
  else
    msg:prepend_header('X:A', 'v')
  end
end)
