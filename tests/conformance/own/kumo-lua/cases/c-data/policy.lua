kumo.on('smtp_server_data', function(msg)
  msg:set_meta('x_data', msg:get_data())
  local how = msg:get_first_named_header_value 'Subject'
  if how == 'lf' then msg:set_data('Subject: one\nX-New: a\n\nline\n') end
  if how == 'none' then msg:set_data('\r\nonly a body\r\n') end
end)
kumo.on('smtp_server_message_received', function(msg)
  msg:set_meta('x_new', tostring(msg:get_first_named_header_value 'X-New'))
end)
