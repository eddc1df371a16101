local kumo = require 'kumo'

kumo.on('init', function()
  kumo.start_esmtp_listener {
    listen = '${LISTEN}',
    hostname = 'mx.test.example',
  }
  kumo.start_http_listener {
    listen = '127.0.0.1:8000',
  }
  kumo.define_spool {
    name = 'data',
    path = '/var/spool/kumomta/data',
  }
  kumo.define_spool {
    name = 'meta',
    path = '/var/spool/kumomta/meta',
  }
  kumo.configure_local_logs {
    log_dir = '/var/log/kumomta',
  }
end)
