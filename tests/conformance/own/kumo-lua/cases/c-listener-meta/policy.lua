kumo.on('init', function()
  kumo.start_esmtp_listener {
    listen = '${LISTEN}',
    hostname = 'own.example',
    relay_hosts = { '127.0.0.0/8' },
    meta = { x_text = 'blue', x_deep = { a = { 1, 2 } }, x_yes = true },
  }
end)
kumo.on('smtp_server_mail_from', function(sender, m)
  kumo.reject(550, table.concat({ m:get_meta 'x_text', tostring(m:get_meta('x_deep').a[2]), tostring(m:get_meta 'x_yes'), m:get_meta 'hostname' }, ' '))
end)
