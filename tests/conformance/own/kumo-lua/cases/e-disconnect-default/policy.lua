kumo.on('smtp_server_ehlo', function(domain) if domain == 'ehlo.example' then kumo.disconnect(550, '5.7.1 no') end end)
kumo.on('smtp_server_mail_from', function(s) kumo.disconnect(tonumber(s.user), 'no') end)
kumo.on('smtp_server_rcpt_to', function(s) kumo.disconnect(550, 'no') end)
kumo.on('smtp_server_data', function(s) kumo.disconnect(550, 'no') end)
