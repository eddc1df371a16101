kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  conn_meta:set_meta('x_bad', sender)
end)
