kumo.on('smtp_server_auth_plain', function(authz, authc, password, conn_meta)
  kumo.log_info('password', password)
  print(password)
  conn_meta:set_meta('x_pw', password)
  if authc == 'err' then error('bad ' .. password) end
  if authc == 'tbl' then error { password } end
  if authc == 'rej' then kumo.reject(535, '5.7.8 no') end
  if authc == 'ret' then return password end
  if authc == 'inf' then return { identities = { { identity = 'x', context = password } } } end
  return false
end)
kumo.on('smtp_server_rewrite_response', function(status, response, command, conn_meta)
  kumo.log_info('rewrite ' .. tostring(command) .. ' ' .. response)
end)
