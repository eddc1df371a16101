kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  kumo.log_info('said', { b = 1, a = { true } }, nil, 1.5, kumo.digest.crc32 'x', password)
  kumo.log_warn { deep = { password } }
  print('printed', password)
  return true
end)
