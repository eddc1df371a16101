kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  kumo.log_info('asked for ' .. authc)
  if password == 'tiger' then error 'must not be asked' end
  return false
end)
