kumo.on('smtp_server_message_received', function(msg)
  msg:check_fix_conformance('LINE_TO_LONG', '')
end)
