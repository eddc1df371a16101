kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local function said(...)
    local words = {}
    for i = 1, select('#', ...) do words[i] = tostring((select(i, ...))) end
    kumo.reject(550, '5.7.1 ' .. table.concat(words, ' '))
  end

  local t = kumo.time
  local timer = t.start_timer 'case'
  local first, second = timer:done(), timer:done()
  local since = t.since_millis(t.epoch_millis() - 5000)
  said(t.parse_duration('15us').microseconds, t.parse_duration('1h 30m').human, type(first), second, since >= 5000 and since < 6000)
end)
