kumo.on('init', function()
  kumo.start_esmtp_listener {
    listen = '${LISTEN}',
    hostname = 'own.example',
    relay_hosts = { '127.0.0.0/8' },
    
  }
end)
kumo.on('smtp_server_message_received', function(msg)
  msg:set_meta('x_by', msg:get_first_named_header_value('Received'):match '%sby (%S+)')
end)
