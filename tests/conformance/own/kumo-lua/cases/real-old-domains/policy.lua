kumo.on('init', function()
  kumo.start_esmtp_listener { listen = '${LISTEN}', domains = { ['example.com'] = { relay_to = true } } }
end)
