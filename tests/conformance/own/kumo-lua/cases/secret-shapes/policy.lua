kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local function said(...)
    local words = {}
    for i = 1, select('#', ...) do words[i] = tostring((select(i, ...))) end
    kumo.reject(550, '5.7.1 ' .. table.concat(words, ' '))
  end

  local function why(source)
    local well, text = pcall(kumo.secrets.load, source)
    return well and text or tostring(text):gsub('^.*key source: ', '')
  end
  local texts = { why { key_data = 'inline' }, why { key_data = 5 }, why { key_data = 'x', event_name = 'y' }, why { event_name = 'nobody' }, why { event_name = 'e', other = 1 }, why { vault_path = 'x' }, why {} }
  for i, text in ipairs(texts) do texts[i] = text:sub(1, 28) end
  kumo.reject(550, '5.7.1 ' .. table.concat(texts, '; '))
end)
