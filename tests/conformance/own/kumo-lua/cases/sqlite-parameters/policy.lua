kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local function said(...)
    local words = {}
    for i = 1, select('#', ...) do words[i] = tostring((select(i, ...))) end
    kumo.reject(550, '5.7.1 ' .. table.concat(words, ' '))
  end

  local db = require('sqlite').open ':memory:'
  said(db:execute('select ? || ?', { 'a', 'b' })[1], #db:execute('select :x', { y = nil }), (pcall(db.execute, db, 'select ?, :x', { x = 1 })),
       (pcall(db.execute, db, 'select ?', {})), (pcall(db.execute, db, 'select ?', { 1, 2 })), (pcall(db.execute, db, 'select 1\0; x')), db:execute('select ?2 || ?1', 'a', 'b')[1])
end)
