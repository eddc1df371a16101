kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local function said(...)
    local words = {}
    for i = 1, select('#', ...) do words[i] = tostring((select(i, ...))) end
    kumo.reject(550, '5.7.1 ' .. table.concat(words, ' '))
  end

  local s = kumo.serde
  local back = s.json_parse '{"whole": 3, "part": 3.0, "none": null, "big": 9007199254740993} # end'
  said('[' .. s.toml_encode {} .. ']', math.type(back.whole), math.type(back.part), back.none, back.big, s.json_encode { b = 1, a = { 1, 2 } })
end)
