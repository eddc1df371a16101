kumo.on('smtp_server_auth_plain', function(authz, authc, password) kumo.log_warn('asked') return authc == 'scott' and password == 'tiger' end)
