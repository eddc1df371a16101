local cached = kumo.memoize(function(user)
  return kumo.secrets.load { vault_mount = 'secret', vault_path = 'smtp-auth/' .. user }
end, { name = 'passwords', ttl = '5 minutes', capacity = 10 })
kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return password == cached(authc)
end)
