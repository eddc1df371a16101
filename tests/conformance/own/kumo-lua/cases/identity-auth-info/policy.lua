local function words(info)
  local out = {}
  for _, one in ipairs(info.identities) do out[#out + 1] = one.identity .. ':' .. one.context end
  return table.concat(out, ',') .. ' groups=' .. table.concat(info.groups, ',') .. ' peer=' .. tostring(info.peer_address)
end
kumo.on('smtp_server_auth_plain', function(authz, authc, password, conn_meta)
  local before = conn_meta:auth_info()
  if #before.identities ~= 0 or #before.groups ~= 0 then return false end
  if password == 'bare' then return true end
  return {
    identities = {
      { identity = 'key-1', context = 'GenericAuth' },
      { identity = authc, context = 'SmtpAuthPlainAuthentication' },
      { identity = 'tenant', context = 'SmtpAuthPlainAuthorization' },
    },
    groups = { 'g1', 'g2' },
    peer_address = '192.0.2.99',
  }
end)
kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local info = conn_meta:auth_info()
  if info.identities[1] then info.identities[1].identity = 'changed' end
  info.groups[1] = 'changed'
  table.insert(info.groups, 'more')
  kumo.reject(550, '5.7.1 ' .. words(conn_meta:auth_info()))
end)
