local kumo = require 'kumo'

kumo.on('smtp_server_mail_from', function(sender)
  local throttle = kumo.make_throttle(string.format('reception-rate-for-%s', sender), '2/hour')
  if throttle:throttle().throttled then
    kumo.reject(451, '4.4.5 try again later')
  end
  local all = kumo.make_throttle('reception-rate', 'local:1,000/s')
  assert(all:sleep_if_throttled() == false)
end)
