kumo.on('get_listener_domain', function(domain)
  return kumo.make_listener_domain { log_oob = 'LogThenDrop' }
end)
