kumo.on('smtp_server_rewrite_response', function(status, response, command, conn_meta)
  if status < 400 then return nil, '2.0.0 mine' end
end)
