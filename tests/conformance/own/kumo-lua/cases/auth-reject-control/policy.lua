kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  if password == 'tiger' then return true end
  kumo.reject(535, '5.7.8 a\r\n235 2.7.0 b\0c')
end)
