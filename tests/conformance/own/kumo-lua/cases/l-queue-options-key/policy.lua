local helper = require('policy-extras.queue'):setup_with_options { file_names = {}, skip_hook = true }
