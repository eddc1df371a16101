kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  if sender.user == 'get' then conn_meta:get_meta() end
  if sender.user == 'set' then conn_meta:set_meta() end
  if sender.user == 'dot' then conn_meta.set_meta('x_a', 'b') end
end)
