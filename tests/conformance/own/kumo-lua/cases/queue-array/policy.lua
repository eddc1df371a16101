require('policy-extras.queue'):setup { 'q.json' }
