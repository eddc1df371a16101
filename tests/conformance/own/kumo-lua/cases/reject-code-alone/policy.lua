kumo.on('smtp_server_mail_from', function() kumo.reject(550, '5.7.1\nsecond line') end)
