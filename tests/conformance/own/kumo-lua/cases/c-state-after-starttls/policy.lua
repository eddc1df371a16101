kumo.on('smtp_server_connection_accepted', function(m) m:set_meta('x_connect', 'kept') end)
kumo.on('smtp_server_ehlo', function(domain, m) if m:get_meta 'x_ehlo' == nil then m:set_meta('x_ehlo', domain) end end)
kumo.on('smtp_server_mail_from', function(sender, m) kumo.reject(550, tostring(m:get_meta 'x_connect') .. ' ' .. tostring(m:get_meta 'x_ehlo')) end)
