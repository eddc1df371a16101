kumo.on('get_listener_domain', function(domain)
  if domain == 'drop.example' then return kumo.make_listener_domain { log_oob = 'LogThenDrop', log_arf = 'LogThenDrop' } end
  if domain == 'pass.example' then return kumo.make_listener_domain { log_oob = true, log_arf = 'LogThenRelay' } end
  if domain == 'arf.example' then return kumo.make_listener_domain { log_arf = true } end
  if domain == 'no.example' then return kumo.make_listener_domain { log_oob = false, log_arf = 'Ignore' } end
  if domain == 'example.com' then return kumo.make_listener_domain { relay_to = true } end
end)
