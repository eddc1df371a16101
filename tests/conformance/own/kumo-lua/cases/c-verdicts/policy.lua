kumo.on('smtp_server_message_received', function(msg)
  msg:set_meta('x_dkim', #msg:dkim_verify())
  local arc = msg:arc_verify()
  msg:set_meta('x_arc', arc.method .. ' ' .. arc.result)
  local how = msg:get_first_named_header_value 'Subject'
  if how == 'list' then
    msg:add_authentication_results('auth.example', { { method = 'x-own', result = 'pass', reason = 'because', props = { ['policy.rule'] = 'one' } }, arc })
  elseif how == 'none' then
    msg:add_authentication_results('auth.example', {})
  elseif how == 'bad' then
    msg:add_authentication_results('auth.example', { { method = 'x y\r\n', result = 'pass' } })
  elseif how == 'id' then
    msg:add_authentication_results('', {})
  end
end)
