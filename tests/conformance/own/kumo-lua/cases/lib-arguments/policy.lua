kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local function said(...)
    local words = {}
    for i = 1, select('#', ...) do words[i] = tostring((select(i, ...))) end
    kumo.reject(550, '5.7.1 ' .. table.concat(words, ' '))
  end

  local t = kumo.time
  local _, one = pcall(function() return t.now() < t.parse_duration(5) end)
  local _, two = pcall(kumo.string.split, t.now(), ',')
  said((one:gsub('^policy.lua:%d+: ', '')), two)
end)
