local kumo = require 'kumo'
package.path = 'assets/?.lua;' .. package.path
local utils = require 'policy-extras.policy_utils'
local docker_utils = require 'policy-extras.docker_utils'
local NETWORK = docker_utils.resolve_docker_network()

kumo.on('init', function()
  local name = os.tmpname()
  assert(name:match '^/tmp/lua_%w+$' and not io.open(name))
  kumo.configure_accounting_db_path(name)
  kumo.set_config_monitor_globs { '${DIR}/responses.toml' }
  local addresses = kumo.dns.lookup_addr(os.getenv 'HOSTNAME')
  assert(addresses[1] == '198.51.100.7' and NETWORK == '198.51.100.0/24', NETWORK)
  assert(kumo.available_parallelism() >= 1)
  kumo.start_esmtp_listener { listen = '${LISTEN}', relay_hosts = { '127.0.0.1', NETWORK }, banner = 'takes all' }
  kumo.start_http_listener { listen = '0.0.0.0:8000', trusted_hosts = { NETWORK } }
end)

local data_of = kumo.memoize(function(domain)
  local data = kumo.toml_load '${DIR}/responses.toml'
  return data.domain[domain] or data.default
end, { name = 'responses', ttl = '1 hour', capacity = 100 })

kumo.on('smtp_server_message_received', function(msg)
  kumo.http.build_client { headers = { ['x-key'] = 'a' } }
  local recipient = msg:recipient()
  if utils.starts_with(recipient.user, '450-') then
    kumo.reject(450, 'you said ' .. recipient.user)
  end
  if data_of(recipient.domain).bounce == 100 then
    kumo.reject(550, 'boing!')
  end
  msg:set_meta('queue', 'null')
end)
