kumo.on('smtp_server_connection_accepted', function(conn_meta)
  local ip = conn_meta:get_meta('received_from'):match '^[%d.]+'
  if ip == '127.0.0.2' then kumo.reject(554, '5.7.1 not you') end
  if ip == '127.0.0.3' then kumo.disconnect(450, '4.7.1 later', 'If421') end
  if ip == '127.0.0.4' then return nil + 1 end
  if ip == '127.0.0.5' then kumo.disconnect(550, 'bye', 'FollowWith421') end
  if ip == '127.0.0.6' then return 'ignored' end
end)
