kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local function said(...)
    local words = {}
    for i = 1, select('#', ...) do words[i] = tostring((select(i, ...))) end
    kumo.reject(550, '5.7.1 ' .. table.concat(words, ' '))
  end

  local u, versions = kumo.uuid, {}
  for _, name in ipairs { 'new_v1', 'new_v4', 'new_v6', 'new_v7' } do versions[#versions + 1] = u[name]().simple:sub(13, 13) end
  local a, b = u.new_v6(), u.new_v6()
  said(table.concat(versions), a == b, a.simple:sub(1, 12) <= b.simple:sub(1, 12), u.parse(a.urn) == a)
end)
