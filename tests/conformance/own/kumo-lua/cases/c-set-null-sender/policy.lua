kumo.on('smtp_server_message_received', function(msg)
  msg:set_sender(msg:get_first_named_header_value 'Subject' == 'text' and '' or msg:sender())
  msg:set_meta('x_sender', msg:sender().email .. '|' .. msg:sender().user .. '|' .. tostring(msg:sender()))
end)
