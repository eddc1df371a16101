kumo.on('smtp_server_mail_from', function(sender)
  local n = tonumber(sender.user)
  local cases = {
    function() kumo.reject(399, 'x') end,
    function() kumo.reject(600, 'x') end,
    function() kumo.reject(450.5, 'x') end,
    function() kumo.reject('many', 'x') end,
    function() kumo.reject(nil, 'x') end,
    function() kumo.reject() end,
    function() kumo.reject(-550, 'x') end,
    function() kumo.reject(550, {}) end,
    function() kumo.reject(550, nil) end,
    function() kumo.disconnect(250, 'x') end,
    function() kumo.disconnect(550, 'x', 'Never') end,
  }
  cases[n]()
end)
