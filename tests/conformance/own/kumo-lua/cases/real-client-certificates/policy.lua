kumo.on('init', function()
  kumo.start_esmtp_listener {
    listen = '${LISTEN}',
    tls_required_client_ca = '/etc/ca.pem',
  }
end)
