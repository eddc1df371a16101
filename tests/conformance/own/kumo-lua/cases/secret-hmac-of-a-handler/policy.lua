kumo.on('key', function(name) return name .. '-key' end)
kumo.on('smtp_server_mail_from', function()
  local d = kumo.digest
  local a = d.hmac_sha256({ event_name = 'key', event_args = { 'my' } }, 'text', 1)
  kumo.reject(550, '5.7.1 ' .. tostring(a == d.hmac_sha256({ key_data = 'my-key' }, 'text1')))
end)
