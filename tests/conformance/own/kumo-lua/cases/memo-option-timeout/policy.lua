local f = kumo.memoize(tostring,
  { name = 'x', capacity = 1, ttl = '5 minutes', populate_timeout = 'soon' })
