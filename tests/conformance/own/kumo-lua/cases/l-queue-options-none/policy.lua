local helper = require('policy-extras.queue'):setup_with_options {}
