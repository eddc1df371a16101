kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return authc == 'zoë' and password == 'pässwörd ☃'
end)
kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  kumo.reject(550, '5.7.1 authn=' .. tostring(conn_meta:get_meta 'authn_id') .. ' authz=' .. tostring(conn_meta:get_meta 'authz_id'))
end)
