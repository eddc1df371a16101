kumo.on('smtp_server_message_received', function(msg)
  if msg:get_first_named_header_value 'Subject' == 'append' then
    msg:append_header('', 'v')
  else
    msg:prepend_header('', 'v')
  end
end)
