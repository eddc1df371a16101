local kumo = require 'kumo'
local get_acl_map = kumo.memoize(function()
  return kumo.aaa.load_acl_map '/opt/kumomta/etc/custom_acl.toml'
end, { name = 'acl_map_cache', ttl = '5 minutes', capacity = 4 })

kumo.on('get_acl_definition', function(resource)
  return get_acl_map():get(resource)
end)
kumo.on('pre_init', function()
  kumo.aaa.set_fall_back_to_acl_map(false)
  kumo.aaa.configure_acct_log { log_dir = '/var/log/kumomta/acct' }
end)
