local kumo = require 'kumo'
local utils = require 'policy-extras.policy_utils'
local shaping = require 'policy-extras.shaping'
local queue_module = require 'policy-extras.queue'
local listener_domains = require 'policy-extras.listener_domains'
local sources = require 'policy-extras.sources'
local dkim_sign = require 'policy-extras.dkim_sign'
local log_hooks = require 'policy-extras.log_hooks'

sources:setup { '${DIR}/sources.toml' }
local dkim_signer = dkim_sign:setup { '${DIR}/dkim_data.toml' }
local shaper = shaping:setup_with_automation {
  publish = { 'http://127.0.0.1:8008' },
  subscribe = { 'http://127.0.0.1:8008' },
  extra_files = { '${DIR}/shaping.toml' },
}
log_hooks:new_json { name = 'webhook', url = 'http://127.0.0.1:4242/log' }
local queue_helper = queue_module:setup { '${DIR}/queues.toml' }

kumo.on('init', function()
  for _, spool in ipairs { 'data', 'meta' } do
    kumo.define_spool { name = spool, path = '/var/spool/kumomta/' .. spool, kind = 'RocksDB' }
  end
  shaper.setup_publish()
  kumo.configure_local_logs { log_dir = '/var/log/kumomta', max_segment_duration = '1 minute' }
  kumo.configure_bounce_classifier { files = { '/opt/kumomta/share/bounce_classifier/iana.toml' } }
  kumo.start_http_listener { listen = '0.0.0.0:8000', trusted_hosts = { '127.0.0.1', '::1' } }
  kumo.start_http_listener { listen = '0.0.0.0:8001', use_tls = true, trusted_hosts = { '127.0.0.1' } }
  kumo.start_esmtp_listener {
    listen = '${LISTEN}',
    hostname = 'mx.test.example',
    relay_hosts = { '127.0.0.1', '192.168.1.0/24' },
  }
end)

kumo.on('get_listener_domain', listener_domains:setup { '${DIR}/listener_domains.toml' })
kumo.on('get_egress_path_config', shaper.get_egress_path_config)

local function process(msg)
  local failed = msg:check_fix_conformance('NON_CANONICAL_LINE_ENDINGS', '')
  if failed then
    kumo.reject(552, string.format('5.6.0 %s', failed))
  end
  queue_helper:apply(msg)
  dkim_signer(msg)
end
kumo.on('smtp_server_message_received', process)
kumo.on('http_message_generated', process)
