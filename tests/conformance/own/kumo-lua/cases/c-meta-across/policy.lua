kumo.on('smtp_server_rcpt_to', function(r, m) m:set_meta('x_n', (m:get_meta 'x_n' or 0) + 1) end)
kumo.on('smtp_server_message_received', function(msg, m)
  msg:set_meta('x_only', 'this')
  if msg:get_meta 'x_n' == 1 then kumo.reject(550, 'once more') end
  assert(m:get_meta 'x_only' == nil)
end)
