kumo.on('smtp_server_auth_plain', function(authz, authc, password) return password == 'tiger' end)
