kumo.on('smtp_server_mail_from', function(sender)
  kumo.reject(550, '5.7.1 <' .. sender.user .. '> <' .. sender.domain .. '> <' .. sender.email .. '> <' .. tostring(sender) .. '>')
end)
