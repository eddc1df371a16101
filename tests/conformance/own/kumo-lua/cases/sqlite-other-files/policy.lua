kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  local function said(...)
    local words = {}
    for i = 1, select('#', ...) do words[i] = tostring((select(i, ...))) end
    kumo.reject(550, '5.7.1 ' .. table.concat(words, ' '))
  end

  local sqlite = require 'sqlite'
  local db = sqlite.open 'auth.db'
  local memory = sqlite.open ':memory:'
  local sql = { "attach '${DIR}/made.db' as x", "vacuum into '${DIR}/copy.db'" }
  local results = {}
  for _, one in ipairs(sql) do
    results[#results + 1] = (pcall(db.execute, db, one))
    results[#results + 1] = (pcall(memory.execute, memory, one))
  end
  results[#results + 1] = (pcall(memory.execute, memory, "attach '${DIR}/auth.db' as x"))
  results[#results + 1] = (pcall(memory.execute, memory, 'vacuum'))
  said(table.unpack(results))
end)
