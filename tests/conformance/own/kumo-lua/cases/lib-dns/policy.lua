kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local function said(...)
    local words = {}
    for i = 1, select('#', ...) do words[i] = tostring((select(i, ...))) end
    kumo.reject(550, '5.7.1 ' .. table.concat(words, ' '))
  end

  local d, words = kumo.dns, {}
  local function add(...) for i = 1, select('#', ...) do words[#words + 1] = tostring((select(i, ...))) end end
  local mx = d.lookup_mx('ok.example', 'a-resolver')
  add(mx.domain_name, table.concat(mx.hosts, ','), #mx.by_pref[10], mx.by_pref[20][1], mx.is_mx)
  local none = d.lookup_mx 'plain.example'
  add(none.hosts[1], none.is_mx, d.lookup_mx('[192.0.2.5]').is_domain_literal, d.lookup_mx('null.example').hosts[1])
  add(d.lookup_txt('ok.example')[1], #d.lookup_txt 'plain.example', table.concat(d.lookup_addr 'mx.ok.example', ','), (pcall(d.lookup_txt, 'nobody.example')))
  add(d.rbl_lookup('192.0.2.7:25', 'bl.example'))
  add(d.rbl_lookup('192.0.2.8', 'bl.example'))
  add(d.rbl_lookup('192.0.2.9', 'bl.example'))
  add((pcall(d.rbl_lookup, 'x', 'bl.example')), (pcall(d.lookup_mx, 'nobody.example')), (pcall(d.lookup_ptr, '192.0.2.1')))
  said(table.unpack(words))
end)
