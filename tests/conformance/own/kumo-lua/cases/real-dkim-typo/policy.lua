require('policy-extras.dkim_sign'):setup { '${DIR}/dkim_data.toml' }
