kumo.on('get_listener_domain', require('policy-extras.listener_domains'):setup { {
  ['send.example'] = { relay_from = { '127.0.0.2' } },
  ['both.example'] = { relay_from = { '127.0.0.2' }, relay_from_authz = { 'joe' } },
} })
kumo.on('smtp_server_auth_plain', function(z, c, p) return p == 'pw' end)
