local mail_auth = require 'policy-extras.mail_auth'
kumo.on('smtp_server_message_received', function(msg)
  local r = mail_auth.check(msg, { server_id = 'auth.example' })
  kumo.reject(550, '5.7.1 ' .. #r.dkim .. ' ' .. tostring(r.dkim[1] and r.dkim[1].result) .. ' ' .. msg:get_first_named_header_value 'Authentication-Results':match '^[^;]+')
end)
