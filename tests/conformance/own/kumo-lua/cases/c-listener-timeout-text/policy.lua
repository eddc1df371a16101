kumo.on('init', function()
  kumo.start_esmtp_listener {
    listen = '${LISTEN}',
    hostname = 'own.example',
    relay_hosts = { '127.0.0.0/8' },
    client_timeout = '1s',
  }
end)
