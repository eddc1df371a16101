kumo.on('smtp_server_message_received', function(msg)
  local how = msg:get_first_named_header_value 'Subject'
  if how == 'text' then msg:set_sender 'new@example.org' msg:set_recipient 'ned@example.com' end
  if how == 'address' then msg:set_recipient(msg:recipient()) msg:set_sender(msg:sender()) end
  if how == 'swap' then local to = msg:recipient() msg:set_sender(to) end
  if how == 'list' then msg:set_recipient { 'one@example.com', msg:recipient() } end
  local to = msg:recipient()
  msg:set_meta('x_to', how == 'list' and { tostring(to[1]), tostring(to[2]) } or tostring(to))
  msg:set_meta('x_from', tostring(msg:sender()))
  if how == 'bad' then msg:set_recipient 'no address' end
  if how == 'crlf' then msg:set_recipient 'a@example.com>\r\nRCPT TO:<b@example.com' end
  if how == 'none' then msg:set_recipient {} end
  if how == 'number' then msg:set_sender(5) end
end)
