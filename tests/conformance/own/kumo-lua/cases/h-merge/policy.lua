local helper = require('policy-extras.queue'):setup { '${DIR}/a.toml', '${DIR}/b.json', { tenant = { t = { max_age = '3h' } } } }
kumo.on('smtp_server_message_received', function(msg)
  helper:apply(msg)
  local c = helper:resolve_config('example.com', 't', '')
  msg:set_meta('x_config', c.egress_pool .. ' ' .. c.max_age .. ' ' .. c.retry_interval)
end)
kumo.on('smtp_server_auth_plain', function(z, c, p) return p == 'pw' end)
