kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  if password == 'f' then kumo.disconnect(535, '5.7.8 go away', 'FollowWith421') end
  kumo.disconnect(535, '5.7.8 go away')
end)
