kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  local fine = pcall(function() error 'x' end)
  if password == 'loop' then while true do pcall(function() while true do end end) end end
  return not fine and password == 'tiger'
end)
