"""What the shared counters do inside Redis, each as one script, so that nothing happens between two steps of it.

Rules of this file: the meaning is that of `counters.py`, and the same suite runs against it. Lua counts in doubles, which are
exact up to 2^53; amounts are kept below that. Every script is given the prefix of all keys. An epoch belongs to one run of the
server: whatever a restart brings back from its disk may be older than what was acknowledged, so it is void.
"""

from __future__ import annotations

_COMMON = """
local P = KEYS[1]
local function epoch()
  local e = redis.call('HMGET', P .. 'epoch', 'name', 'active', 'run')
  if not e[1] then return nil end
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  if e[3] ~= run then return nil end
  return e
end
local function whole(n) return string.format('%.0f', n) end
local function spend(account, second, amount)
  redis.call('SADD', P .. 'accounts', account)
  redis.call('HINCRBY', P .. 'spent:' .. account, second, amount)
end
"""

REPORT = (
    _COMMON
    + """
local owner, number, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[7])
local WINDOW, LASTS = tonumber(ARGV[8]), tonumber(ARGV[9])
local e = epoch()
if not e then return 'none' end
local known = redis.call('HMGET', P .. 'owner:' .. owner, 'number', 'reply')
if number > 1 and ARGV[3] ~= e[1] then return 'another' end
if known[1] and tonumber(known[1]) == number then return known[2] end
if number > 1 and (not known[1] or tonumber(known[1]) ~= number - 1) then
  redis.call('DEL', P .. 'epoch')
  return 'forgotten'
end
local owners = redis.call('SCARD', P .. 'owners')
local active = e[2] == '1'
local reply = {'ok', e[1], e[2]}
local at = 11
for _ = 1, tonumber(ARGV[10]) do
  local account, kind, limit = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local returned, need, like = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local pairs_ = tonumber(ARGV[at + 6])
  at = at + 7
  redis.call('SADD', P .. 'accounts', account)
  for _ = 1, pairs_ do
    spend(account, ARGV[at], ARGV[at + 1])
    at = at + 2
  end
  local used, seconds = 0, {}
  if kind ~= 'slots' then
    local spent = redis.call('HGETALL', P .. 'spent:' .. account)
    for i = 1, #spent, 2 do
      local second, amount = tonumber(spent[i]), tonumber(spent[i + 1])
      if kind == 'window' and second < math.floor(now) - WINDOW then
        redis.call('HDEL', P .. 'spent:' .. account, spent[i])
      else
        used = used + amount
        seconds[#seconds + 1] = {second, amount}
      end
    end
  end
  local lease, others = 0, 0
  local leases = redis.call('HGETALL', P .. 'leases:' .. account)
  for i = 1, #leases, 2 do
    if leases[i] == owner then lease = tonumber(leases[i + 1]) else others = others + tonumber(leases[i + 1]) end
  end
  lease = lease - returned
  local since, waiting = now, false
  local wants = redis.call('HGETALL', P .. 'wants:' .. account)
  for i = 1, #wants, 2 do
    if wants[i] == owner then since = tonumber(string.match(wants[i + 1], '^(%S+)')) end
  end
  local mine = need > 0 and since or now + 1
  for i = 1, #wants, 2 do
    local from, till = string.match(wants[i + 1], '^(%S+) (%S+)')
    from, till = tonumber(from), tonumber(till)
    if wants[i] ~= owner and till > now and (from < mine or (from == mine and wants[i] < owner)) then waiting = true end
  end
  local granted = 0
  if active then
    if limit == nil then
      granted = math.max(need, like)
    elseif not waiting then
      local room = limit - used - others - lease
      granted = math.max(need, math.min(like, math.floor(room / (2 * math.max(1, owners)))))
      if granted <= 0 or granted > room then granted = 0 end
    end
  end
  if lease + granted ~= 0 then
    redis.call('HSET', P .. 'leases:' .. account, owner, whole(lease + granted))
  else
    redis.call('HDEL', P .. 'leases:' .. account, owner)
  end
  local fits = 0
  if need > 0 and granted == 0 then
    redis.call('HSET', P .. 'wants:' .. account, owner, string.format('%.6f %.6f', since, now + LASTS))
    if kind == 'window' and limit - used < need then
      table.sort(seconds, function(a, b) return a[1] < b[1] end)
      local room = limit - used
      fits = WINDOW
      for _, one in ipairs(seconds) do
        room = room + one[2]
        if room >= need then
          fits = math.max(0, one[1] + WINDOW + 1 - now)
          break
        end
      end
    end
  else
    redis.call('HDEL', P .. 'wants:' .. account, owner)
  end
  reply[#reply + 1] = whole(granted)
  reply[#reply + 1] = whole(used)
  reply[#reply + 1] = whole(others + lease + granted)
  reply[#reply + 1] = waiting and '1' or '0'
  reply[#reply + 1] = string.format('%.3f', fits)
end
local answer = table.concat(reply, ' ')
redis.call('SADD', P .. 'owners', owner)
redis.call('HSET', P .. 'owner:' .. owner, 'number', ARGV[2], 'reply', answer, 'journal', ARGV[4], 'offset', ARGV[5])
if number == 1 then redis.call('HSET', P .. 'owner:' .. owner, 'open', ARGV[6]) end
return answer
"""
)
"""Arguments: owner, number, epoch, journal, offset, open ids, now, window, how long a want lasts, number of moves; for each:
account, kind, amount, returned, need, like, number of pairs; the pairs of second and amount. Answers `ok`, the epoch, whether it
is active, and five numbers for each move; or why not, in one word."""

BURY = (
    _COMMON
    + """
if not epoch() then return 'none' end
local owner = ARGV[1]
local known = redis.call('SREM', P .. 'owners', owner)
redis.call('DEL', P .. 'owner:' .. owner)
if known == 1 then
  for i = 2, #ARGV, 2 do spend(ARGV[i], '0', ARGV[i + 1]) end
end
for _, account in ipairs(redis.call('SMEMBERS', P .. 'accounts')) do
  redis.call('HDEL', P .. 'leases:' .. account, owner)
  redis.call('HDEL', P .. 'wants:' .. account, owner)
end
return tostring(known)
"""
)
"""Arguments: owner, then pairs of account and amount. Answers whether the owner was known."""

EPOCH = (
    _COMMON
    + """
local e = epoch()
if not e then return '' end
return e[1] .. ' ' .. e[2]
"""
)
"""Answers the epoch's name and whether it is active; nothing where there is none."""

BEGIN = (
    _COMMON
    + """
local e = epoch()
if e and e[1] ~= ARGV[2] then return '0' end
for _, account in ipairs(redis.call('SMEMBERS', P .. 'accounts')) do
  redis.call('DEL', P .. 'spent:' .. account, P .. 'leases:' .. account, P .. 'wants:' .. account)
end
for _, owner in ipairs(redis.call('SMEMBERS', P .. 'owners')) do redis.call('DEL', P .. 'owner:' .. owner) end
redis.call('DEL', P .. 'accounts', P .. 'owners', P .. 'parts', P .. 'epoch')
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
redis.call('HSET', P .. 'epoch', 'name', ARGV[1], 'active', '0', 'run', run)
return '1'
"""
)
"""Arguments: a name, and that of the epoch which it may replace. Answers whether an epoch was begun."""

ACTIVATE = (
    _COMMON
    + """
local e = epoch()
if not e or e[1] ~= ARGV[1] or e[2] == '1' then return '0' end
if redis.call('SADD', P .. 'parts', ARGV[2]) == 1 then
  for i = 4, #ARGV, 2 do spend(ARGV[i], '0', ARGV[i + 1]) end
end
if redis.call('SCARD', P .. 'parts') >= tonumber(ARGV[3]) then redis.call('HSET', P .. 'epoch', 'active', '1') end
return '1'
"""
)
"""Arguments: the epoch's name, the part's, how many parts there are, then pairs of account and amount."""
