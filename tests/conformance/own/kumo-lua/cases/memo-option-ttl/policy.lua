local f = kumo.memoize(tostring,
  { name = 'x', capacity = 1, ttl = -1 })
