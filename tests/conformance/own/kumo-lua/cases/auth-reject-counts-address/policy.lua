kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  kumo.reject(550, '5.7.1 no')
end)
