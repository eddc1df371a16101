kumo.on('smtp_server_connection_accepted', function() return false, {} end)
kumo.on('smtp_server_mail_from', function() return 550, 'x' end)
kumo.on('smtp_server_rcpt_to', function() return false end)
kumo.on('smtp_server_data', function() return print end)
kumo.on('smtp_server_message_received', function() return 5 end)
kumo.on('get_listener_domain', function(domain)
  if domain == 'text.example' then return 'yes' end
  if domain == 'true.example' then return true end
  if domain == 'key.example' then return { relay_too = true } end
  if domain == 'type.example' then return { relay_to = 'yes' } end
  if domain == 'made.example' then return kumo.make_listener_domain { relay_from = { '10.0.0.1/8' } } end
  return kumo.make_listener_domain { relay_to = true }
end)
