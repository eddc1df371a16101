local kumo = require 'kumo'

kumo.on('init', function()
  kumo.define_spool { name = 'data', path = '/tmp/kumo-sink/data' }
end)

kumo.on('smtp_server_message_received', function(msg)
  local user = msg:recipient().user
  if user:sub(1, 4) == '450-' then
    kumo.reject(450, 'you said ' .. user)
  end
  if user ~= 'through' then
    msg:set_meta('queue', 'null')
  end
end)
