local kumo = require 'kumo'

local function footer(message)
  message:append_text_plain 'Sent by example.com'
end
kumo.on('smtp_server_message_received', function(msg)
  footer(msg)
end)
kumo.on('get_queue_config', function()
  return kumo.yaml_load 'queues.yaml'
end)
