kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  if password == 'tiger' then kumo.sleep(1.2) return true end
  return false
end)
