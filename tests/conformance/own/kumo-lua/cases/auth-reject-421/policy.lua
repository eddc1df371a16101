kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  if password == 'tiger' then return true end
  kumo.reject(421, '4.3.2 come back tomorrow')
end)
