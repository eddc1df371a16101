local function boom(when) if when then error('SECRET-VALUE-77 in ' .. debug_name) end end
kumo.on('smtp_server_ehlo', function(domain) boom(domain == 'ehlo.example') end)
kumo.on('smtp_server_mail_from', function(s) boom(s.user == 'mail') end)
kumo.on('smtp_server_rcpt_to', function(r) boom(r.user == 'rcpt') end)
kumo.on('smtp_server_data', function(msg) boom(msg:get_first_named_header_value 'Subject' == 'data') end)
kumo.on('smtp_server_message_received', function(msg) boom(msg:get_first_named_header_value 'Subject' == 'received') end)
