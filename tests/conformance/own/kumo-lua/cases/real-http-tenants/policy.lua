local kumo = require 'kumo'
local log_hooks = require 'policy-extras.log_hooks'
local API = '${VAULT}'

log_hooks:new {
  name = 'events',
  constructor = function(domain, tenant, campaign)
    local connection = {}
    local client = kumo.http.build_client {}
    function connection:send(message)
      local response = client:post(API .. '/events'):body(message:get_data()):send()
      if response:status_is_success() then
        return string.format('%d %s', response:status_code(), response:status_reason())
      end
      kumo.reject(400, 'again')
    end
    function connection:close()
      client:close()
    end
    return connection
  end,
}

kumo.on('get_listener_domain', function(domain, listener, conn_meta)
  if domain == 'example.com' or conn_meta:get_meta 'authz_id' then
    return kumo.make_listener_domain { relay_to = true }
  end
end)

kumo.on('smtp_server_message_received', function(msg)
  local domain = string.match(tostring(msg:sender()), '@([^>]+)') or ''
  local status, response = pcall(function()
    return kumo.http.build_client({}):get(API .. '/v1/secret/data/' .. domain):send()
  end)
  if not status or response:status_is_server_error() then
    kumo.reject(451, '4.3.0 the service does not answer')
  end
  msg:set_meta('tenant', domain)
end)
