-- A relay for tenants: who may log in, where mail may go, as which tenant it goes, what is refused.
local queue_helper = require('policy-extras.queue'):setup { 'queue.toml' }
local users = kumo.toml_load 'users.toml'

kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return kumo.crypto.verify_password(password, users[authc])
end)

-- Who has logged in may send anywhere; everybody else only to example.com.
kumo.on('get_listener_domain', function(domain, listener, conn_meta)
  return kumo.make_listener_domain {
    relay_to = conn_meta:get_meta 'authz_id' ~= nil or domain == 'example.com',
  }
end)

kumo.on('smtp_server_mail_from', function(sender)
  if sender.domain == 'spam.example' then
    kumo.reject(550, '5.7.1 not from ' .. sender.domain)
  end
end)

kumo.on('smtp_server_message_received', function(msg)
  if not msg:get_first_named_header_value 'Subject' then
    kumo.reject(550, '5.6.0 a subject, please')
  end
  queue_helper:apply(msg)
end)
