-- AUTH against HashiCorp Vault; VAULT_ADDR and VAULT_TOKEN say where it is and who asks.
local secret_of = kumo.memoize(function(user)
  return kumo.secrets.load {
    vault_mount = 'secret',
    vault_path = 'smtp-auth/' .. user,
  }
end, { name = 'vault secrets', ttl = '5 minutes', capacity = 10000 })

kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return kumo.crypto.constant_time_eq(password, secret_of(authc))
end)
