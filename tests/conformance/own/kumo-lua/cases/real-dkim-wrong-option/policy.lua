kumo.on('smtp_server_message_received', function(msg)
  msg:dkim_sign(kumo.dkim.rsa_sha256_signer {
    domain = 'sender.example',
    selector = 's1',
    headers = { 'From' },
    key = '${DIR}/s1.key',
    oversign = true,
  })
end)
