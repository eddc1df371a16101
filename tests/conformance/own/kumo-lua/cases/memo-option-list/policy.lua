local f = kumo.memoize(tostring,
  { 'x', '5 minutes' })
