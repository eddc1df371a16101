local users = { scott = 'tiger', mallory = 'letmein' }
kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return users[authc] == password
end)
kumo.on('smtp_server_ehlo', function(domain, conn_meta, extensions) return { 'PIPELINING' } end)
