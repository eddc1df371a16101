kumo.on('smtp_server_auth_plain', function(z, c, p)
  return p == 'pw' and { identities = { { identity = c, context = 'SmtpAuthPlainAuthentication' }, { identity = 'team', context = 'SmtpAuthPlainAuthorization' } }, groups = { 'g1', 'g2' } }
end)
kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local info = conn_meta:auth_info()
  info.identities = {}
  info = conn_meta:auth_info()
  local text = {}
  for _, one in ipairs(info.identities) do text[#text + 1] = one.context:match 'Plain(%w+)' .. '=' .. one.identity end
  table.sort(text)
  kumo.reject(550, table.concat(text, ' ') .. ' ' .. table.concat(info.groups, ',') .. ' ' .. tostring(info.peer_address))
end)
