local function show(v)
  if v == nil then return 'nil' end
  return '[' .. v .. ']'
end
kumo.on('smtp_server_data', function(msg)
  local function first(name) return show(msg:get_first_named_header_value(name)) end
  msg:set_meta('x_first', { first 'subject', first 'X-FOLDED', first 'X-B', first 'X-Q', first 'X-Two', first 'X-Missing', first 'X-Bad', first 'X-Empty', first 'X-Latin', first 'Received' })
  msg:set_meta('x_all', { #msg:get_all_named_header_values 'x-two', msg:get_all_named_header_values('X-Two')[2], #msg:get_all_named_header_values 'X-Missing' })
  local names = {}
  for _, pair in ipairs(msg:get_all_headers()) do table.insert(names, pair[1] .. '=' .. #pair) end
  msg:set_meta('x_names', table.concat(names, ' '))
end)
