local c = coroutine.create(print)
