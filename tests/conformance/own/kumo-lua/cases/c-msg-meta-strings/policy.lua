kumo.on('smtp_server_message_received', function(msg)
  local subject = msg:get_first_named_header_value 'Subject'
  if subject == 'fine' then
    msg:set_meta('tenant', 't') msg:set_meta('campaign', 'c') msg:set_meta('queue', 'q') msg:set_meta('routing_domain', 'example.com')
  else
    msg:set_meta(subject, { 1 })
  end
end)
