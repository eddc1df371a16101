kumo.on('smtp_server_mail_from', function() require('policy-extras.queue'):setup { {} } end)
