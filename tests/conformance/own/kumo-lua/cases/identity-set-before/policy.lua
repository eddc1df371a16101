kumo.on('smtp_server_connection_accepted', function(c) c:set_meta('authz_id', 'guest') c:set_meta('authn_id', 'guest') end)
kumo.on('smtp_server_auth_plain', function(authz, authc, password, c)
  c:set_meta('authz_id', 'admin')
  return password == 'tiger'
end)
kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  kumo.reject(550, '5.7.1 authn=' .. tostring(conn_meta:get_meta 'authn_id') .. ' authz=' .. tostring(conn_meta:get_meta 'authz_id'))
end)
