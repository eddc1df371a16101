kumo.on('get_listener_domain', require('policy-extras.listener_domains'):setup { 'd.toml' })
