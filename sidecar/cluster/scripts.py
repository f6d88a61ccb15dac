"""The three scripts that Redis runs. Each is one atomic step.

The lease is a key that expires; its value is ``TOKEN:ID:NAME`` of its holder. The
fence is a counter that never goes back: each new lease gets the next number. A Redis
that has lost its data begins above every token that the caller has seen, and above
the time in seconds, so above every earlier token.
"""

ACQUIRE = """
local time = redis.call('TIME')
local floor = tonumber(ARGV[3])
local span_ms, longest_ms = tonumber(ARGV[4]), tonumber(ARGV[5])
local held = redis.call('GET', KEYS[1])
if held then
  local left_ms = redis.call('PTTL', KEYS[1])
  if left_ms < 0 or left_ms > longest_ms then
    redis.call('PEXPIRE', KEYS[1], longest_ms)
    left_ms = longest_ms
  end
  local token, id = string.match(held, '^(%d+):([^:]*):')
  local is_stale = token == nil or tonumber(token) < floor or id == ARGV[1]
  if span_ms == 0 or not is_stale then
    return {0, held, left_ms, time[1], time[2], 0, 0}
  end
  redis.call('DEL', KEYS[1])
end
local call_ms = tonumber(redis.call('GET', KEYS[3]) or '0')
if span_ms == 0 then return {0, '', 0, time[1], time[2], 0, call_ms} end
local fence = redis.call('INCR', KEYS[2])
local is_fresh = 0
if fence == 1 or fence <= floor then
  is_fresh = 1
  fence = math.max(fence, floor + 1, tonumber(time[1]))
  redis.call('SET', KEYS[2], string.format('%.0f', fence))
end
local value = string.format('%.0f', fence) .. ':' .. ARGV[1] .. ':' .. ARGV[2]
redis.call('SET', KEYS[1], value, 'NX', 'PX', span_ms)
return {1, value, span_ms, time[1], time[2], is_fresh, call_ms}
"""
"""KEYS: lease, fence, call. ARGV: id, name, highest token seen, span in ms (0: only
look), longest span in ms. The time left of a holder is cut to the longest span: it is
longer only after the server's clock was set back.
"""

RENEW = """
local time = redis.call('TIME')
local held = redis.call('GET', KEYS[1]) or ''
if held ~= ARGV[1] then return {0, held, 0, time[1], time[2], 0, 0} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
return {1, held, tonumber(ARGV[2]), time[1], time[2], 0, 0}
"""
"""KEYS: lease, call. ARGV: the value of our lease, span in ms, and for how long a call
may last, in ms. That is kept without an end: a watchdog that has just started sees
neither the holder that it follows nor a step of the clock.
"""

RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""
"""KEYS: lease. ARGV: the value of our lease."""
