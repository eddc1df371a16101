kumo.on('init', function()
  local x = nil
  x.y = 1
end)
