kumo.on('smtp_server_connection_accepted', function(...)
  local conn_meta = ...
  conn_meta:set_meta('x_seen', { 'connect/' .. select('#', ...) })
end)
local function note(conn_meta, text)
  local seen = conn_meta:get_meta 'x_seen'
  table.insert(seen, text)
  conn_meta:set_meta('x_seen', seen)
end
kumo.on('smtp_server_ehlo', function(...)
  local domain, conn_meta, extensions = ...
  note(conn_meta, 'ehlo/' .. select('#', ...) .. '/' .. domain .. '/' .. type(extensions) .. '/' .. tostring(conn_meta:get_meta 'ehlo_domain'))
end)
kumo.on('smtp_server_mail_from', function(...)
  local sender, conn_meta = ...
  note(conn_meta, 'mail/' .. select('#', ...) .. '/' .. tostring(sender) .. '/' .. tostring(conn_meta:get_meta 'ehlo_domain'))
end)
kumo.on('get_listener_domain', function(...)
  local domain, listener, conn_meta = ...
  note(conn_meta, 'domain/' .. select('#', ...) .. '/' .. domain .. '/' .. (listener:match '^127%.0%.0%.1:%d+$' and 'listener' or listener))
  return kumo.make_listener_domain { relay_to = domain == 'example.com' }
end)
kumo.on('smtp_server_rcpt_to', function(...)
  local recipient, conn_meta = ...
  note(conn_meta, 'rcpt/' .. select('#', ...) .. '/' .. tostring(recipient))
end)
kumo.on('smtp_server_data', function(...)
  local msg, conn_meta = ...
  note(conn_meta, 'data/' .. select('#', ...) .. '/' .. #msg:recipient_list())
  msg:set_meta('x_data', table.concat(conn_meta:get_meta 'x_seen', ' '))
end)
kumo.on('smtp_server_message_received', function(...)
  local msg, conn_meta = ...
  msg:set_meta('x_received', 'received/' .. select('#', ...) .. '/' .. tostring(msg:recipient()))
end)
