local mail_auth = require 'policy-extras.mail_auth'
kumo.on('smtp_server_message_received', function(msg)
  local subject = msg:get_first_named_header_value 'Subject'
  local options = ({ all = nil, empty = {}, nothing = { dkim = false, spf = false, iprev = false, smtp_auth = false, dmarc = false, arc = false, add_auth_results_header = false },
    wrong = { dkmi = true }, type = { dkim = 'no' }, silent = { add_auth_results_header = false, arc = false } })[subject]
  local r = mail_auth.check(msg, options)
  local found = {}
  for _, name in ipairs { 'dkim', 'spf', 'iprev', 'smtp_auth', 'dmarc', 'arc' } do
    if r[name] then found[#found + 1] = name .. '=' .. (name == 'dkim' and #r.dkim .. r.dkim[1].result or r[name].result) end
  end
  msg:set_meta('x_found', table.concat(found, ' '))
  msg:set_meta('x_count', #r.auth_results)
end)
