local domains = kumo.memoize(function()
  return kumo.domain_map.new(kumo.toml_load 'domains.toml')
end, { name = 'domains', ttl = '5 minutes', capacity = 1 })

local offices = kumo.cidr.make_map {
  ['192.0.2.0/24'] = 'main',
  ['127.0.0.0/8'] = 'guests',
  ['2001:db8::/32'] = 'main',
}

kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  if offices[conn_meta:get_meta 'received_from'] == 'guests' and not domains()[sender.domain] then
    kumo.reject(550, '5.7.1 not from here')
  end
end)
