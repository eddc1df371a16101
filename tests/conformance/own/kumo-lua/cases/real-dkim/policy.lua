local kumo = require 'kumo'

local selectors = {
  ['sender.example'] = 's1',
}

local function dkim_sign(msg)
  local domain = msg:from_header().domain
  local selector = selectors[domain]
  if not selector then
    return false
  end
  local signer = kumo.dkim.rsa_sha256_signer {
    domain = domain,
    selector = selector,
    headers = { 'From', 'To', 'Subject', 'Date', 'Message-ID', 'X-Customer' },
    key = string.format('${DIR}/%s.key', selector),
    over_sign = true,
  }
  msg:dkim_sign(signer)
end

kumo.on('smtp_server_message_received', function(msg)
  msg:remove_all_named_headers 'X-Mailer'
  msg:append_header('X-Customer', 'one')
  dkim_sign(msg)
end)

kumo.on('http_message_generated', dkim_sign)
