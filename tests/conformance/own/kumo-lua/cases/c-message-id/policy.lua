
local seen = kumo.memoize(function(id) return {} end, {name='f1.seen',ttl='1 minute',capacity=10})
kumo.on('smtp_server_message_received', function(msg, conn_meta)
  local before = conn_meta:get_meta 'x_id'
  conn_meta:set_meta('x_id', msg:id())
  if before then kumo.reject(550, '5.7.1 ' .. tostring(before == msg:id())) end
end)
