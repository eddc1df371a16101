local domains = kumo.memoize(function() return kumo.domain_map.new(kumo.serde.toml_load 'domains.toml') end, { name = 'domains', ttl = '5 minutes', capacity = 1 })
local networks = kumo.memoize(function() return kumo.cidr.make_map { ['127.0.0.0/8'] = 'here' } end, { name = 'networks', ttl = '5 minutes', capacity = 1 })
kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local words = {}
  for _ = 1, 2 do
    local map = domains()
    words[#words + 1] = map[sender.domain]
    map[sender.domain] = 'changed'
    words[#words + 1] = networks()[conn_meta:get_meta 'received_from']
  end
  kumo.reject(550, '5.7.1 ' .. table.concat(words, ' '))
end)
