kumo.on('smtp_server_ehlo', function(domain, conn_meta, extensions)
  local seen = {}
  for _, one in ipairs(extensions) do seen[one:match '^%S+'] = true end
  if domain == 'ask.example' then
    kumo.reject(550, '5.7.1 ' .. tostring(seen.PIPELINING) .. ' ' .. tostring(seen.STARTTLS) .. ' ' .. tostring(seen['8BITMIME'])
      .. ' ' .. tostring(seen.ENHANCEDSTATUSCODES) .. ' ' .. tostring(seen.SMTPUTF8) .. ' ' .. tostring(seen.AUTH))
  elseif domain == 'empty.example' then
    return {}
  elseif domain == 'wrong.example' then
    return 'PIPELINING'
  elseif domain == 'numbers.example' then
    return { 1, 2 }
  end
  return { 'X-OWN', 'PIPELINING' }
end)
