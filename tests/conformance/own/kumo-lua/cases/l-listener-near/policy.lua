kumo.on('init', function()
  kumo.start_esmtp_listener {
    listen = '127.0.0.1:0',
    relay_host = { '127.0.0.1' },
  }
end)
