kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  if password == 'tiger' then return true end
  kumo.reject(235, '2.7.0 welcome')
end)
