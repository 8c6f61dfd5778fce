import type { TombstoneLimits } from '../../record.ts'
import { longEnd, tombstoneMs } from '../../record.ts'

const dayMs = 24 * 3600 * 1000

/** Bookkeeping of a host or a replica that was not heard of for so long is taken out. */
export const forgetAfterMs = dayMs

/** How long an installation is known that was not heard of. */
export const installationMs = 30 * dayMs

/** The clock of Redis, in milliseconds: the body of a Lua function. */
export const redisTime = `
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)`

/**
 * What all scripts share. ARGV[1] is the beginning of every key. Keys that depend on what is stored
 * (of the host and the principal of a record) cannot be declared: they are derived here, and have
 * the hash tag of the declared ones.
 */
export const prelude = (time: string, tombstones: TombstoneLimits): string => `
local base = ARGV[1]
local function now() ${time} end

-- What is of another kind than it should be was written by a stranger, and all would fail at it.
local function sound(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then redis.call('DEL', key) end
  return key
end
local ids = sound(base .. 'ids', 'zset')
local function sessionKey(id) return base .. 'session:' .. id end
local function hostKey(host) return sound(base .. 'host:' .. host, 'zset') end
local function principalKey(principal) return sound(base .. 'principal:' .. principal, 'set') end
local function keyedKey(key) return sound(base .. 'key:' .. key, 'string') end

-- Fields of a record; none of what is no record at all.
local function fieldsOf(key, ...)
  if redis.call('TYPE', key).ok ~= 'hash' then return {} end
  return redis.call('HMGET', key, ...)
end
local function num(text) return tonumber(text or 0) or 0 end

-- The list of ids goes by itself once it names tombstones only.
local function keepIds()
  if redis.call('ZCOUNT', ids, '+inf', '+inf') > 0 then redis.call('PERSIST', ids)
  else redis.call('PEXPIRE', ids, ${tombstoneMs}) end
end

local function takeOut(id, host, principal)
  if host then redis.call('ZREM', hostKey(host), id) end
  if principal then redis.call('SREM', principalKey(principal), id) end
end

-- As leanTombstone in record.ts.
local function lean(id)
  local key = sessionKey(id)
  local text = fieldsOf(key, 'end')[1]
  if not text then return end
  redis.call('HDEL', key, 'workerSessionId')
  if #text <= ${longEnd} then return end
  local ok, whole = pcall(cjson.decode, text)
  if not ok or type(whole) ~= 'table' then return end
  local bare = { reason = whole.reason, atMs = whole.atMs, by = whole.by }
  if type(whole.details) == 'table' and whole.details.oom == true then
    bare.details = { oom = true }
  end
  redis.call('HSET', key, 'end', cjson.encode(bare))
end

-- Brings the indexes in line with a record. A closed one takes no place and stays for a while.
local function file(id)
  local key = sessionKey(id)
  local state, host, principal, idleAt, maxAt =
    unpack(fieldsOf(key, 'state', 'host', 'principal', 'idleAtMs', 'maxAtMs'))
  if state == 'closed' then
    takeOut(id, host, principal)
    redis.call('HDEL', key, 'lease.owner', 'lease.sinceMs', 'lease.ms')
    redis.call('PEXPIRE', key, ${tombstoneMs}, 'NX')
    redis.call('ZADD', ids, now() + redis.call('PTTL', key), id)
    local closed = redis.call('ZCOUNT', ids, '-inf', '(+inf')
    local aged = closed - ${tombstones.detailed} - 1
    if aged >= 0 then lean(redis.call('ZRANGE', ids, aged, aged)[1]) end
    local over = math.min(100, closed - ${tombstones.most})
    if over > 0 then
      for _, old in ipairs(redis.call('ZRANGE', ids, 0, over - 1)) do
        redis.call('DEL', sessionKey(old))
        redis.call('ZREM', ids, old)
      end
    end
  else
    local due = state == 'closing' and 0 or math.min(num(idleAt), num(maxAt))
    if host then redis.call('ZADD', hostKey(host), due, id) end
    if principal then redis.call('SADD', principalKey(principal), id) end
    redis.call('ZADD', ids, '+inf', id)
  end
  keepIds()
end

-- Whether the record that a key stands for has not ended.
local function isOpen(key)
  local id = redis.call('GET', keyedKey(key))
  local state = id and fieldsOf(sessionKey(id), 'state')[1]
  return state and state ~= 'closing' and state ~= 'closed'
end

-- No record stays longer than this, and so nothing is to be done at its end.
local function keep(key, id, maxAt)
  redis.call('SET', keyedKey(key), id, 'PX', math.max(1, num(maxAt) - now()) + ${tombstoneMs})
end

local function lease(key, owner, ms)
  redis.call('HSET', key, 'lease.owner', owner, 'lease.sinceMs', now(), 'lease.ms', ms)
end
`
