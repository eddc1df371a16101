local f = kumo.memoize(tostring,
  { name = 'x', capacity = 1, ttl = '5 minutes', allow_stale_reads = 'yes' })
