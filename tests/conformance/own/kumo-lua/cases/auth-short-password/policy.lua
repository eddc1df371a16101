
kumo.on('smtp_server_auth_plain', function(z, c, p) print('login', c, p) return p == 'zq9' end)
