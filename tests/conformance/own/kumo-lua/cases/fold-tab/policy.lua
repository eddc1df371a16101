kumo.on('smtp_server_message_received', function(msg) kumo.reject(550, '5.7.1 ' .. tostring(msg:get_first_named_header_value 'X-Tenant' == 'my tenant')) end)
