kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  if password == 'tiger' then return true end
  if password == 'x' then error 'x' end
  if password == 'n' then return 5 end
  kumo.reject(454, '4.7.0 later')
end)
