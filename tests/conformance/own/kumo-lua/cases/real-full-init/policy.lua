local kumo = require 'kumo'
local shaping = require 'policy-extras.shaping'
local sources = require 'policy-extras.sources'
local log_hooks = require 'policy-extras.log_hooks'
local listener_domains = require 'policy-extras.listener_domains'
local queue_module = require 'policy-extras.queue'
local utils = require 'policy-extras.policy_utils'

local shaper = shaping:setup_with_automation {
  publish = { 'http://127.0.0.1:8008' },
  subscribe = { 'http://127.0.0.1:8008' },
  extra_files = { '/opt/kumomta/etc/policy/shaping.toml' },
}
sources:setup { '/opt/kumomta/etc/policy/sources.toml' }
local queue_helper = queue_module:setup { '${DIR}/queues.toml' }
log_hooks:new_json {
  name = 'webhook',
  url = 'http://10.0.0.1:4242/log',
  log_parameters = { headers = { 'Subject' } },
}

kumo.on('pre_init', function()
  kumo.set_httpinject_recipient_rate_limit 'local:6,000/s'
  kumo.set_config_monitor_globs { '/opt/kumomta/etc/**/*.toml' }
end)

kumo.on('init', function()
  kumo.set_diagnostic_log_filter 'kumod=debug'
  kumo.configure_accounting_db_path ':memory:'
  kumo.configure_redis_throttles { node = 'redis://127.0.0.1/' }
  kumo.dns.configure_resolver { name_servers = { '10.0.0.53:53' } }
  kumo.set_max_spare_lua_contexts(1024)
  kumo.set_smtpsrv_threads(8)
  for _, name in ipairs { 'data', 'meta' } do
    kumo.define_spool {
      name = name,
      path = '/var/spool/kumomta/' .. name,
      kind = 'RocksDB',
    }
  end
  kumo.configure_local_logs {
    log_dir = '/var/log/kumomta',
    max_segment_duration = '5 minutes',
    headers = { 'Subject', 'X-Customer-ID' },
    meta = { 'tenant', 'campaign' },
  }
  kumo.configure_log_hook { name = 'other' }
  kumo.configure_bounce_classifier {
    files = { '/opt/kumomta/share/bounce_classifier/iana.toml' },
  }
  shaper.setup_publish()
  kumo.start_http_listener {
    listen = '0.0.0.0:8000',
    trusted_hosts = { '127.0.0.1', '::1' },
  }
  kumo.start_esmtp_listener {
    listen = '${LISTEN}',
    hostname = 'mx.test.example',
    banner = 'ready',
    relay_hosts = { '192.0.2.0/24' },
    trace_headers = { supplemental_header = false },
    deferred_spool = false,
  }
end)

kumo.on('get_listener_domain', listener_domains:setup { '${DIR}/domains.toml' })
kumo.on('get_egress_path_config', shaper.get_egress_path_config)
kumo.on('get_queue_config', function(domain, tenant, campaign, routing_domain)
  local params = { max_age = '5 minutes', egress_pool = tenant }
  utils.merge_into({ retry_interval = '10 minutes' }, params)
  return shaper.get_queue_config(domain, tenant, campaign) or kumo.make_queue_config(params)
end)
kumo.on('should_enqueue_log_record', shaper.should_enqueue_log_record)
kumo.on('http_server_validate_auth_basic', function(user, password)
  return user == 'tony' and password == 'tiger'
end)
kumo.on('http_message_generated', function(msg)
  queue_helper:apply(msg)
end)
kumo.on('smtp_server_message_received', function(msg)
  queue_helper:apply(msg)
end)
