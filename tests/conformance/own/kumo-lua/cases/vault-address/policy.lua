kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return password == kumo.secrets.load { vault_address = '${VAULT}/prefix/', vault_token = 'hvs.written-down', vault_mount = 'kv/team', vault_path = authc, vault_key = 'pw' }
end)
