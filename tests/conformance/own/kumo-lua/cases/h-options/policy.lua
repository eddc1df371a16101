local helper = require('policy-extras.queue'):setup_with_options {
  file_names = { '${DIR}/q.toml', { default_tenant = 'b', tenant = { b = {} } } },
  skip_queue_config_hook = true,
  invalidate_with_epoch = true,
}
kumo.on('smtp_server_message_received', function(msg) helper:apply(msg) end)
