local kumo = require 'kumo'

kumo.on('init', function()
  kumo.define_spool { name = 'data', path = '/var/spool/kumomta/data' }
  kumo.start_esmtp_listener { listen = '${LISTEN}', hostname = 'mx.test.example' }
end)

kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return password
    == kumo.secrets.load {
      vault_mount = 'secret',
      vault_path = 'smtp-auth/' .. authc,
    }
end)

kumo.on('smtp_server_message_received', function(msg)
  msg:dkim_sign(kumo.dkim.rsa_sha256_signer {
    domain = msg:from_header().domain,
    selector = 's1',
    headers = { 'From', 'Subject' },
    key = { vault_mount = 'secret', vault_path = 'dkim/s1' },
  })
end)
