kumo.on('smtp_server_message_received', function(msg)
  msg:set_recipient(msg:get_first_named_header_value 'To')
end)
