kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local function said(...)
    local words = {}
    for i = 1, select('#', ...) do words[i] = tostring((select(i, ...))) end
    kumo.reject(550, '5.7.1 ' .. table.concat(words, ' '))
  end

  local n = 0
  local f = kumo.memoize(function() n = n + 1 return n end, { name = 'keys', ttl = 60, capacity = 50 })
  local a, b = {}, {}
  for i = 1, 30 do a['k' .. i] = i b['k' .. (31 - i)] = 31 - i end
  said(f(a), f(b), f { [5] = 1 }, f { ['5'] = 1 }, f(1), f(1.0), f '1', f(true), f(), f(nil), f(nil, nil), f {})
end)
