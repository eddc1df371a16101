kumo.on('smtp_server_message_received', function(msg, conn_meta)
  local user = msg:recipient().user
  if user == 'prepend' then msg:prepend_header('X-Own', 'v') end
  if user == 'data' then msg:set_data('Subject: new\r\n\r\nnew\r\n') end
  if user == 'same' then msg:set_data(msg:get_data()) end
end)
kumo.on('get_listener_domain', function(domain)
  if domain == 'example.com' then return kumo.make_listener_domain { relay_to = true } end
end)
