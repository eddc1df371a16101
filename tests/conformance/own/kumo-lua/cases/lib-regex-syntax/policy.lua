
kumo.on('smtp_server_mail_from', function(sender)
  local re = kumo.regex.compile
  kumo.reject(550, '5.7.1 ' .. tostring(re '^\\h+$':is_match 'deadbeef') .. ' ' .. tostring(re '[\\w&&[^\\d]]+':find '12ab'))
end)
