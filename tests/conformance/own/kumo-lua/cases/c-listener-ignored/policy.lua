kumo.on('init', function()
  kumo.start_esmtp_listener {
    listen = '${LISTEN}',
    hostname = 'own.example',
    relay_hosts = { '127.0.0.0/8' },
    deferred_spool = false,
    deferred_queue = false,
    data_buffer_size = 4096,
    data_processing_timeout = '5 minutes',
    trace_headers = { received_header = true },
    batch_handling = 'BifurcateAlways',
  }
end)
