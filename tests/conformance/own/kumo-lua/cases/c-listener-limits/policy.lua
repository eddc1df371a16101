kumo.on('init', function()
  kumo.start_esmtp_listener {
    listen = '${LISTEN}',
    hostname = 'own.example',
    relay_hosts = { '127.0.0.0/8' },
    max_messages_per_connection = 2,
    max_recipients_per_message = 1,
    max_message_size = 1000,
    line_length_hard_limit = 100,
  }
end)
