kumo.on('init', function()
  kumo.start_esmtp_listener {
    listen = '${LISTEN}',
    hostname = 'own.example',
    relay_hosts = { '127.0.0.0/8' },
    meta = { x_who = 'anybody', x_base = 'base' },
    peer = {
      ['127.0.0.0/8'] = { meta = { x_who = 'loopback' }, relay_hosts = {} },
      ['127.0.0.3'] = { meta = { x_who = 'three' }, hostname = 'three.example', banner = 'hello three', relay_hosts = { '127.0.0.3' }, max_recipients_per_message = 1 },
    },
    via = {
      ['127.0.0.1'] = { meta = { x_via = 'one' } },
      ['192.0.2.1'] = { meta = { x_via = 'two' } },
    },
  }
end)
kumo.on('smtp_server_mail_from', function(sender, m)
  if sender.user == 'show' then
    kumo.reject(550, table.concat({ m:get_meta 'x_who', m:get_meta 'x_base', tostring(m:get_meta 'x_via'), m:get_meta 'hostname' }, ' '))
  end
end)
