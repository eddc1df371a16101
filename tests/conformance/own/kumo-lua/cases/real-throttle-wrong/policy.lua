kumo.on('smtp_server_mail_from', function(sender)
  if kumo.make_throttle('from ' .. sender.domain, '100/fortnight'):throttle().throttled then
    kumo.reject(451, '4.7.1 slow down')
  end
end)
