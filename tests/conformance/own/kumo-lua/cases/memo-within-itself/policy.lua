kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local function said(...)
    local words = {}
    for i = 1, select('#', ...) do words[i] = tostring((select(i, ...))) end
    kumo.reject(550, '5.7.1 ' .. table.concat(words, ' '))
  end

  local n, f, g = 0
  f = kumo.memoize(function(k) n = n + 1 if n < 3 then return f(k) end return k .. n end, { name = 'self', ttl = 60, capacity = 5 })
  local shared = { name = 'shared', ttl = 60, capacity = 5 }
  local inner = kumo.memoize(function(k) return 'in ' .. k end, shared)
  g = kumo.memoize(function(k) return 'out ' .. inner(k) end, shared)
  said(f 'k', f 'k', g 'x', inner 'x')
end)
