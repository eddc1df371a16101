kumo.on('smtp_server_mail_from', function(sender)
  local texts = {
    'plain', '5.7.1 with code', '4.7.1 of another class', '5.1 no code', 'one\ntwo\nthree', '5.7.1 one\ntwo', '\n\n', '  ', 'tab\there', 'nul\0here', 'grün', string.rep('x', 2000), '\r\n250 ok', 'a\r\n\r\nb', '5.7.1', string.rep('word ', 400), '\27[31mred', 'bad \xff octet',
  }
  kumo.reject(550, texts[tonumber(sender.user)])
end)
