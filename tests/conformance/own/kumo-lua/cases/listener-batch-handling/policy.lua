kumo.on('init', function()
  kumo.start_esmtp_listener { listen = '${LISTEN}', batch_handling = 'nonsense' }
end)
