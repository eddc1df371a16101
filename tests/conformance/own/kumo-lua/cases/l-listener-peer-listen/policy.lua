kumo.on('init', function()
  kumo.start_esmtp_listener { listen = '127.0.0.1:0', peer = { ['127.0.0.1'] = { listen = '127.0.0.1:26' } } }
end)
