kumo.on('init', function()
  kumo.start_esmtp_listener {
    listen = '${LISTEN}',
    hostname = 'own.example',
    relay_hosts = { '127.0.0.0/8' },
    tls_certificate = '${DIR}/cert.pem',
    tls_private_key = '${DIR}/key.pem',
  }
end)
