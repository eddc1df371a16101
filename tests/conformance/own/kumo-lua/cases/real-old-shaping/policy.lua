local shaping = require 'shaping'
kumo.on('get_egress_path_config', shaping:setup_json())
