kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local m = function(k) return tostring(conn_meta:get_meta(k)) end
  kumo.reject(550, '5.7.1 ' .. table.concat({ m 'tls_protocol_version':match '^TLSv1%.[23]$' or m 'tls_protocol_version', m 'tls_cipher':match '^%u' or m 'tls_cipher', m 'tls_peer_subject_name', m 'orig_received_via', m 'authn_id', m 'authz_id' }, ' '))
end)
kumo.on('smtp_server_auth_plain', function(z, c, p) return p == 'pw' end)
