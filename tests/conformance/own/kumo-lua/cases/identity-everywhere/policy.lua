local names = { scott = 'tiger' }
local function both(meta) return tostring(meta:get_meta 'authn_id') .. '/' .. tostring(meta:get_meta 'authz_id') end
local seen = {}
kumo.on('smtp_server_connection_accepted', function(c) c:set_meta('x_seen', both(c)) end)
local function note(c) c:set_meta('x_seen', c:get_meta 'x_seen' .. ' ' .. both(c)) end
kumo.on('smtp_server_ehlo', function(domain, c) note(c) end)
kumo.on('smtp_server_auth_plain', function(authz, authc, password, c)
  note(c)
  return { identities = { { identity = authz, context = 'SmtpAuthPlainAuthorization' }, { identity = authc, context = 'SmtpAuthPlainAuthentication' } } }
end)
kumo.on('smtp_server_mail_from', function(sender, c) note(c) end)
kumo.on('smtp_server_rcpt_to', function(rcpt, c) note(c) end)
kumo.on('smtp_server_data', function(msg, c) note(c) msg:set_meta('x_msg', both(msg)) end)
kumo.on('smtp_server_message_received', function(msg, c)
  msg:append_header('X-Seen', c:get_meta 'x_seen' .. ' | ' .. msg:get_meta 'x_msg' .. ' ' .. both(msg))
end)
