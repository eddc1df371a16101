local helper = require('policy-extras.queue'):setup { '${DIR}/q.json' }
