kumo.on('init', function()
  kumo.start_esmtp_listener { listen = '127.0.0.1:0', tls_certificate = { key_data = 'x' } }
end)
