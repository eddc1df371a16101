local helper = require('policy-extras.queue'):setup 'q.toml'
