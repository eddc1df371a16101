kumo.on('smtp_server_auth_plain', function() return true end)
