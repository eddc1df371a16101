local users = { scott = 'tiger', mallory = 'letmein' }
kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return users[authc] == password
end)
kumo.on('smtp_server_ehlo', function(domain, conn_meta, extensions)
  local seen = table.concat(extensions, ';')
  conn_meta:set_meta('x_auth', seen:match 'AUTH [^;]*' or 'none')
  table.insert(extensions, 'X-HOUSE')
  return extensions
end)
kumo.on('smtp_server_mail_from', function(sender, conn_meta) kumo.reject(550, '5.7.1 ' .. conn_meta:get_meta 'x_auth') end)
