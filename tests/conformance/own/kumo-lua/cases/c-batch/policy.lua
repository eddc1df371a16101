local count = 0
kumo.on('smtp_server_data', function(msg)
  local all = msg:recipient()
  msg:set_meta('x_data', #all .. tostring(all[1]) .. #msg:recipient_list())
end)
kumo.on('smtp_server_message_received', function(msg, conn_meta)
  local n = (conn_meta:get_meta 'x_n' or 0) + 1
  conn_meta:set_meta('x_n', n)
  msg:set_meta('x_mine', n .. ' ' .. tostring(msg:recipient()) .. ' ' .. #msg:recipient_list() .. ' ' .. tostring(msg:get_meta 'x_n'))
end)
