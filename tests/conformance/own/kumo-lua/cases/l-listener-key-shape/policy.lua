kumo.on('init', function()
  kumo.start_esmtp_listener { listen = '127.0.0.1:0', tls_certificate = { data = 'x' }, tls_private_key = 5 }
end)
