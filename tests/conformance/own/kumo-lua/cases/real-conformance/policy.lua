local kumo = require 'kumo'

kumo.on('smtp_server_message_received', function(msg)
  local failed = msg:check_fix_conformance('MISSING_COLON_VALUE', 'LINE_TOO_LONG|NAME_ENDS_WITH_SPACE|NEEDS_TRANSFER_ENCODING|NON_CANONICAL_LINE_ENDINGS|MISSING_DATE_HEADER|MISSING_MESSAGE_ID_HEADER|MISSING_MIME_VERSION')
  if failed then
    kumo.reject(552, string.format('5.6.0 %s', failed))
  end
  msg:save()
end)
