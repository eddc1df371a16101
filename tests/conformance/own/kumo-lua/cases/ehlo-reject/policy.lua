local users = { scott = 'tiger', mallory = 'letmein' }
kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return users[authc] == password
end)
kumo.on('smtp_server_ehlo', function(domain) if domain == 'bad.example' then kumo.reject(550, '5.7.1 not you') end end)
