kumo.on('init', function()
  kumo.start_esmtp_listener { listen = '${LISTEN}' }
end)
kumo.on('smtp_server_get_dynamic_parameters', function(listener, conn_meta)
  return { hostname = conn_meta:get_meta 'received_via' }
end)
