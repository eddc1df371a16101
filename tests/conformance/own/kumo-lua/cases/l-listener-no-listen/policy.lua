kumo.on('init', function()
  kumo.start_esmtp_listener { listen = 'localhost' }
end)
