kumo.on('init', function()
  kumo.start_esmtp_listener { listen = '${LISTEN}', hostname = 'a b' }
end)
