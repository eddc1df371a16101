kumo.on('get_listener_domain', function(domain, listener, conn_meta)
  return kumo.make_listener_domain { relay_to = conn_meta:get_meta 'authz_id' == 'joe' }
end)
kumo.on('smtp_server_auth_plain', function(z, c, p) return p == 'pw' end)
