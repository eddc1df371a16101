kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return password == kumo.secrets.load { vault_mount = 'secret', vault_path = 'smtp-auth/' .. authc }
end)
