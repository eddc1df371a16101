kumo.on('init', function()
  kumo.start_esmtp_listener {
    listen = '${LISTEN}',
    hostname = 'own.example',
    relay_hosts = { '127.0.0.0/8' },
    tls_certificate = { vault_mount = 'secret', vault_path = 'tls', vault_key = 'cert' },
    tls_private_key = { vault_mount = 'secret', vault_path = 'tls' },
  }
end)
