kumo.on('init', function()
  kumo.start_esmtp_listener { listen = '${LISTEN}', allow_xclient = true }
end)
