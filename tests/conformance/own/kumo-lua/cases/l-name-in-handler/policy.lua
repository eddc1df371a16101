kumo.on('smtp_server_mail_from', function(sender)
  if sender.domain == 'spam.example' then
    kumo.amqp.build_client('amqp://localhost')
  end
end)
