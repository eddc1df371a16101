local kumo = require 'kumo'
local queue_helper = require('policy-extras.queue'):setup {
  {
    tenant_header = 'X-Tenant',
    tenants = {
      gold = { egress_pool = 'a', campaigns = { spring = { egress_pool = 'b' } } },
      silver = { require_authz = { 'scott' } },
    },
    queues = {
      ['example.com'] = {
        max_age = '1 day',
        tenants = { gold = { routing_domain = 'gold.example', campaigns = { spring = { routing_domain = 'spring.example' } } } },
      },
    },
  },
}
kumo.on('smtp_server_message_received', function(msg)
  queue_helper:apply(msg)
  local options = queue_helper:resolve_config('example.com', 'gold', 'spring')
  assert(options.routing_domain == 'spring.example' and options.max_age == '1 day')
end)
