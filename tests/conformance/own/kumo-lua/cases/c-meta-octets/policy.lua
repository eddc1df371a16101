
local helper = require('policy-extras.queue'):setup { { campaign_header = 'X-Campaign' } }
kumo.on('smtp_server_message_received', function(msg) helper:apply(msg) msg:set_meta('x_bin', '\xff') end)
