kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local function said(...)
    local words = {}
    for i = 1, select('#', ...) do words[i] = tostring((select(i, ...))) end
    kumo.reject(550, '5.7.1 ' .. table.concat(words, ' '))
  end

  local f = kumo.memoize(function() return { [10] = 'ten', ['10'] = 'text', list = { 1, nil, 3 }, empty = {} } end, { name = 'tables', ttl = 60, capacity = 5 })
  f()
  local one = f()
  one[10] = 'changed'
  one.list[1] = 9
  local two = f()
  said(two[10], two['10'], two.list[1], two.list[3], next(two.empty))
end)
