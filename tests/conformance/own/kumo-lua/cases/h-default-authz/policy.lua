local helper = require('policy-extras.queue'):setup { '${DIR}/q.json' }
kumo.on('smtp_server_message_received', function(msg) helper:apply(msg) end)
kumo.on('smtp_server_auth_plain', function(z, c, p) return p == 'pw' end)
