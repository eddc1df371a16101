local helper = require('policy-extras.queue'):setup { '${DIR}/q.toml' }
kumo.on('smtp_server_message_received', function(msg)
  local ok, why = pcall(helper.apply, helper, msg)
  local left = tostring(msg:get_first_named_header_value 'X-Tenant') .. tostring(msg:get_first_named_header_value 'X-Campaign')
  kumo.reject(550, '5.7.1 ' .. tostring(ok) .. ' ' .. left)
end)
