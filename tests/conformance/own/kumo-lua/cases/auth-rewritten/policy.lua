local users = { scott = 'tiger', mallory = 'letmein' }
kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return users[authc] == password
end)
kumo.on('smtp_server_rewrite_response', function(status, response, command)
  if status == 535 then return 535, '5.7.8 [' .. tostring(command) .. ']' end
end)
