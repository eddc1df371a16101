kumo.on('my.own.event', function() end)
kumo.on('my.own.event', function() end)
