local n = kumo.memoize(function() return 0 end, {name='own.n',ttl='1 minute',capacity=1})
kumo.on('get_listener_domain', function(domain, listener, conn_meta)
  conn_meta:set_meta('x_asked', (conn_meta:get_meta 'x_asked' or '') .. domain .. ' ')
  return kumo.make_listener_domain { relay_to = domain == 'example.com' }
end)
kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local asked = conn_meta:get_meta 'x_asked'
  if asked then kumo.reject(550, '5.7.1 ' .. select(2, asked:gsub('example.com ', ''))) end
end)
