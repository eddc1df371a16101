local function show(h)
  if h == nil then return 'nil' end
  local list = {}
  for _, one in ipairs(h.list) do list[#list + 1] = one.email end
  local single, text = pcall(function()
    return table.concat({ tostring(h.name), h.email, h.user, h.domain }, '|')
  end)
  return (single and text or 'several') .. '|' .. table.concat(list, ',')
end
kumo.on('smtp_server_message_received', function(msg)
  msg:set_meta('x_from', show(msg:from_header()))
  msg:set_meta('x_to', show(msg:to_header()))
  msg:set_meta('x_cc', show(msg:get_address_header 'cc'))
  msg:set_meta('x_cc_text', tostring(msg:get_address_header 'cc'))
  msg:set_meta('x_reply', show(msg:get_address_header 'Reply-To'))
  msg:set_meta('x_from_nil_name', msg:get_address_header('Sender').name == nil)
end)
