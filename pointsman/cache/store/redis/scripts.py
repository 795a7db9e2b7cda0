"""What has to happen at once in Redis, in Lua. All keys begin with one tag, so that a Cluster keeps them in one place.

    :key        the key of the scopes
    :e          entries by id, packed
    :d:ID       a document, which expires by itself
    :x:CATEGORY ids by the time at which they expire, after Redis's own clock
    :c :b       categories, and bytes of documents by category
    :h :u :a    hits, time of the last one, and askers by id
    :s          the stream of what is new and what is gone

A full Redis refuses commands that write, all of those of one script or none; deleting goes on. So `PUT` begins with
one that may be refused, and `DELETE` can do without them."""

from __future__ import annotations

TAG = "{pointsman:cache:1}"
"""With the version of the form: gateways of two versions do not see each other's entries."""

_COMMON = """
local P = ARGV[1]
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1e6

local function head(id)
  local data = redis.call('HGET', P .. ':e', id)
  if not data then return nil end
  local ok, version, size, worth, life, category = pcall(struct.unpack, '<BI4ddHc0', data)
  if not ok or version ~= 1 then return nil end
  return {size = size, worth = worth, life = life, category = category}
end

local function drop(id, category)
  local known = head(id)
  category = category or (known and known.category)
  local there = redis.call('HDEL', P .. ':e', id)
  redis.call('DEL', P .. ':d:' .. id)
  redis.call('HDEL', P .. ':h', id)
  redis.call('HDEL', P .. ':u', id)
  redis.call('HDEL', P .. ':a', id)
  if category and redis.call('ZREM', P .. ':x:' .. category, id) == 1 then
    local told = known and redis.pcall('HINCRBY', P .. ':b', category, -known.size)
    if type(told) ~= 'number' then redis.call('HDEL', P .. ':b', category) end
  end
  return there == 1
end

local function tidy(category, most)
  local old = redis.call('ZRANGEBYSCORE', P .. ':x:' .. category, '-inf', now, 'LIMIT', 0, most)
  for _, id in ipairs(old) do drop(id, category) end
  return #old
end
"""

PUT = (
    _COMMON
    + """
local origin, keep, total, together = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local function bytes(category)
  local sum = redis.call('HGET', P .. ':b', category)
  if sum then return tonumber(sum) end
  sum = 0
  for _, id in ipairs(redis.call('ZRANGE', P .. ':x:' .. category, 0, -1)) do
    local known = head(id)
    sum = sum + (known and known.size or 0)
  end
  redis.call('HSET', P .. ':b', category, sum)
  return sum
end

local function value(id, lru)
  local known = head(id)
  if not known then return -1 end
  if lru then return tonumber(redis.call('HGET', P .. ':u', id) or 0) end
  local expires = tonumber(redis.call('ZSCORE', P .. ':x:' .. known.category, id) or 0)
  local left = known.life > 0 and math.max(0, (expires - now) / known.life) or 0
  return (tonumber(redis.call('HGET', P .. ':h', id) or 0) + 1) * known.worth * left
end

local function evict(category, lru, spared)
  local worst, least
  for _, id in ipairs(redis.call('ZRANDMEMBER', P .. ':x:' .. category, 16)) do
    if id ~= spared then
      local its = value(id, lru)
      if not least or its < least then worst, least = id, its end
    end
  end
  if worst then drop(worst, category) end
  return worst
end

local function largest()
  local name, most = nil, 0
  for _, category in ipairs(redis.call('SMEMBERS', P .. ':c')) do
    local count = redis.call('ZCARD', P .. ':x:' .. category)
    if count > most then name, most = category, count end
  end
  return name
end

local stored = 0
for at = 6, #ARGV, together do
  local id, category, data, document = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local ms, size = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local entries, room = tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7])
  local lru, hits, used, askers, use = ARGV[at + 8] == '1', ARGV[at + 9], ARGV[at + 10], ARGV[at + 11], ARGV[at + 12]
  local x = P .. ':x:' .. category
  if redis.call('HEXISTS', P .. ':e', id) == 0 then
    redis.call('SET', P .. ':d:' .. id, document, 'PX', ms)
    redis.call('HSET', P .. ':e', id, data)
    local sum = bytes(category) + size
    redis.call('ZADD', x, now + ms / 1000, id)
    redis.call('HSET', P .. ':b', category, sum)
    redis.call('SADD', P .. ':c', category)
    if hits ~= '0' then redis.call('HSET', P .. ':h', id, hits) end
    redis.call('HSET', P .. ':u', id, used)
    if askers ~= '' then redis.call('HSET', P .. ':a', id, askers) end
    tidy(category, 16)
    local gone = {}
    for _ = 1, 64 do
      local from
      if redis.call('ZCARD', x) > entries or bytes(category) > room then
        from = category
      elseif redis.call('HLEN', P .. ':e') > total then
        from = largest()
      end
      local out = from and evict(from, lru, id)
      if not out then break end
      gone[#gone + 1] = out
    end
    if #gone > 0 then
      redis.call('XADD', P .. ':s', 'MAXLEN', '~', keep, '*', 'g', cjson.encode(gone), 'o', '')
    end
    redis.call('XADD', P .. ':s', 'MAXLEN', '~', keep, '*', 'p', id, 'm', data, 'u', use, 'o', origin)
    stored = stored + 1
  end
end
return stored
"""
)
"""→ how many were not there. Evicted entries are told before the new one, so that no replica has one too many."""

DELETE = (
    _COMMON
    + """
local origin, keep, again = ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
local gone = {}
for at = 5, #ARGV do
  if drop(ARGV[at]) or again then gone[#gone + 1] = ARGV[at] end
end
if #gone == 0 then return 1 end
local told = redis.pcall('XADD', P .. ':s', 'MAXLEN', '~', keep, '*', 'g', cjson.encode(gone), 'o', origin)
return type(told) == 'string' and 1 or 0
"""
)
"""→ 1, or 0 if the others could not be told, since Redis is full: it is to be said again."""

TOUCH = (
    _COMMON
    + """
local origin, keep = ARGV[2], tonumber(ARGV[3])
for at = 4, #ARGV, 4 do
  local id, hits, used, askers = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  if redis.call('HEXISTS', P .. ':e', id) == 1 then
    if hits > 0 then redis.call('HINCRBY', P .. ':h', id, hits) end
    local before = tonumber(redis.call('HGET', P .. ':u', id) or 0)
    if tonumber(used) > before then redis.call('HSET', P .. ':u', id, used) end
    if askers ~= '' then
      local all = cjson.decode(redis.call('HGET', P .. ':a', id) or '[]')
      local known, count = {}, #all
      for _, who in ipairs(all) do known[who] = true end
      for _, who in ipairs(cjson.decode(askers)) do
        if not known[who] then all[#all + 1] = who end
      end
      if #all > count then
        local list = cjson.encode(all)
        redis.call('HSET', P .. ':a', id, list)
        redis.call('XADD', P .. ':s', 'MAXLEN', '~', keep, '*', 'a', id, 'm', list, 'o', origin)
      end
    end
  end
end
return 1
"""
)

TIDY = (
    _COMMON
    + """
local mine = redis.pcall('SET', P .. ':tidy', '1', 'NX', 'PX', ARGV[2])
if not mine then return 0 end
local old = 0
for _, category in ipairs(redis.call('SMEMBERS', P .. ':c')) do old = old + tidy(category, 256) end
return old
"""
)
"""Entries whose document has expired; by one replica at a time. Nobody has to be told: all know how old they are."""
