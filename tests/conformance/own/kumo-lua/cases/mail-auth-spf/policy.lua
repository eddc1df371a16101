local mail_auth = require 'policy-extras.mail_auth'
kumo.on('smtp_server_message_received', function(msg)
  local r = mail_auth.check(msg, { iprev = false, arc = false })
  kumo.reject(550, '5.7.1 ' .. tostring(r.spf.method) .. ' ' .. tostring(r.spf.result))
end)
