kumo.on('get_listener_domain', require('policy-extras.listener_domains'):setup { '${DIR}/a.toml', {
  listener = { ['127.0.0.1:9'] = { ['else.example'] = { relay_to = false } } },
} })
