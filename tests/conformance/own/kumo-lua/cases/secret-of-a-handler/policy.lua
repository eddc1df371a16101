kumo.on('account_key', function(user, suffix)
  local row = require('sqlite').open('auth.db'):execute('select pass from account where user = ?', user)
  if user == 'nil' then return nil end
  if user == 'broken' then error 'no such' end
  return (row[1] or 'none') .. suffix
end)
kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return kumo.crypto.constant_time_eq(password, kumo.secrets.load { event_name = 'account_key', event_args = { authc, '!' } })
end)
