kumo.on('smtp_server_message_received', function(msg)
  local to = msg:get_first_named_header_value 'To'
  if to then msg:set_recipient(to) end
  local from = msg:get_first_named_header_value 'From'
  if from then msg:set_sender(from) end
end)
kumo.on('get_listener_domain', function(domain, listener, conn_meta)
  if domain == 'example.com' then return kumo.make_listener_domain { relay_to = true } end
  if domain == 'send.example' then return kumo.make_listener_domain { relay_from = { '127.0.0.0/8' } } end
end)
