kumo.on('smtp_server_mail_from', function(sender)
  if sender.domain == 'spam.example' then
    kumo.rejekt(550, 'no')
  end
end)
