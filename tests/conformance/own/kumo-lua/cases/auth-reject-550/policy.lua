kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  if password == 'tiger' then return true end
  kumo.reject(550, '5.7.1 account is closed')
end)
