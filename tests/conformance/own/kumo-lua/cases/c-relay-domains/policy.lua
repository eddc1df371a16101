kumo.on('get_listener_domain', require('policy-extras.listener_domains'):setup { '${DIR}/a.toml', '${DIR}/b.json' })
kumo.on('smtp_server_auth_plain', function(z, c, p) return p == 'pw' end)
