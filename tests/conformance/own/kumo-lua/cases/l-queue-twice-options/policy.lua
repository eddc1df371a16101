local q = require 'policy-extras.queue'
q:setup { {} }
q:setup_with_options { file_names = { {} } }
