kumo.on('smtp_server_get_dynamic_parameters', function(listener, conn_meta)
  return { relay_hosts = {} }
end)
