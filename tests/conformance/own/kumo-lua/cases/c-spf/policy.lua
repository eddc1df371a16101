kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  if sender.user == 'host' then
    local one = kumo.spf.check_host(sender.domain, conn_meta, sender.email)
    kumo.reject(550, one.disposition .. ' ' .. one.result.method .. ' ' .. one.result.result .. ' ' .. tostring(one.result.props['smtp.mailfrom']))
  elseif sender.user == 'helo' then
    local one = kumo.spf.check_host('bad.example.org', conn_meta)
    kumo.reject(550, one.disposition)
  elseif sender.user == 'none' then
    kumo.reject(550, kumo.spf.check_host('nothing.example', conn_meta, 'a@nothing.example').disposition)
  elseif sender.user == 'wrong' then
    kumo.spf.check_host()
  end
end)
kumo.on('smtp_server_message_received', function(msg)
  msg:set_meta('x_spf', kumo.spf.check_msg(msg).disposition)
end)
