kumo.on('init', function()
  kumo.configure_suppression_store { kind = 'x' }
end)
