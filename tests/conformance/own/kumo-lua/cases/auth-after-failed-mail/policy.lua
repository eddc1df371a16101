local users = { scott = 'tiger', mallory = 'letmein' }
kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return users[authc] == password
end)
kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  if not conn_meta:get_meta 'authn_id' then kumo.reject(530, '5.7.0 sign in first') end
end)
