local slow = false
local f = kumo.memoize(function(domain)
  local mine = slow
  slow = false
  kumo.sleep(1)
  if mine then while true do end end
  return domain
end, { name = 'domains', ttl = '5 minutes', capacity = 10 })
kumo.on('smtp_server_mail_from', function(sender)
  slow = sender.user == 'slow'
  kumo.reject(550, '5.7.1 ' .. f(sender.domain))
end)
