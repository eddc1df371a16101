kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local function said(...)
    local words = {}
    for i = 1, select('#', ...) do words[i] = tostring((select(i, ...))) end
    kumo.reject(550, '5.7.1 ' .. table.concat(words, ' '))
  end

  local map = kumo.cidr.make_map { ['10.0.0.0/8'] = 'lan', ['10.1.0.0/16'] = 'site', ['2001:db8::/32'] = 'six', ['127.0.0.1'] = 'here' }
  map['10.1.2.0/24'] = 'desk'
  said(map['10.9.0.1'], map['10.1.9.1:25'], map['[10.1.2.3]'], map['[2001:db8::9]:25'], map['192.0.2.1'], map['not.set'],
       map[conn_meta:get_meta 'received_from'], (pcall(kumo.cidr.make_map, { ['10.0.0.1/8'] = 1 })))
end)
