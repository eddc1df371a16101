kumo.on('init', function()
  kumo.start_esmtp_listener {
    listen = '127.0.0.1:0',
    tls_certificate = { key_data = 'nothing' },
    tls_private_key = { key_data = 'nothing' },
  }
end)
