kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  if password == 'a' then return false, true end
  if password == 'b' then return nil, true end
  if password == 'c' then return end
  return true, false, { identities = {} }
end)
