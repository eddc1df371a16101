
kumo.on('smtp_server_auth_plain', function(authz, authc, password, conn_meta)
  conn_meta:set_meta('x_user', authc)
  return false
end)
kumo.on('smtp_server_mail_from', function(sender, conn_meta) conn_meta:set_meta('x_spf', 'softfail') end)
kumo.on('smtp_server_message_received', function(msg)
  if msg:get_meta 'x_spf' == 'softfail' then kumo.reject(550, '5.7.1 not from there') end
end)
