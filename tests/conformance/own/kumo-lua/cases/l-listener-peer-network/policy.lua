kumo.on('init', function()
  kumo.start_esmtp_listener { listen = '127.0.0.1:0', peer = { ['192.0.2.1/24'] = { hostname = 'x' } } }
end)
