kumo.on('smtp_server_mail_from', function() end)

kumo.on('smtp_server_mail_from', function() end)
