kumo.on('smtp_server_ehlo', function(domain, conn_meta)
  if domain == 'third.example' then
    kumo.reject(550, '5.7.1 ' .. tostring(conn_meta:get_meta 'ehlo_domain'))
  end
end)
kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  kumo.reject(550, '5.7.1 ' .. tostring(conn_meta:get_meta 'ehlo_domain'))
end)
