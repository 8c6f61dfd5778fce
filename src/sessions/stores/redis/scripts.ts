import { createHash } from 'node:crypto'

import { tombstoneLimits, tombstoneMs } from '../../record.ts'
import { forgetAfterMs, installationMs, prelude, redisTime } from './prelude.ts'

export { installationMs }

export interface Script {
  lua: string
  sha: string
}

/**
 * KEYS 1 the session · 2 sessions of its host · 3 sessions of its principal · 4 all ids
 *   · 5… sessions that its quotas count · derived: the id of its key, and the session of that
 * ARGV 1 base · 2 id · 3 maxSessions · 4 maxSessionsPerPrincipal · as many limits as there are
 *   quotas · then fields and values
 * Returns 'created', 'exists', 'principal-full', 'gateway-full' or 'quota-full ' and which, from 0
 *
 * Where a cap is reached, what has no record any more (evicted) is not counted. Out of a quota ids
 * are taken only then: those without a record, and those of what is closed.
 */
const create = `
local function isFull(key, cap, count, some, drop)
  if redis.call(count, key) < cap then return false end
  for _, id in ipairs(redis.call(some, key, 1000)) do
    if redis.call('EXISTS', sessionKey(id)) == 0 then redis.call(drop, key, id) end
  end
  return redis.call(count, key) >= cap
end
sound(KEYS[1], 'hash')
sound(KEYS[2], 'zset')
sound(KEYS[3], 'set')
if redis.call('EXISTS', KEYS[1]) == 1 then return 'exists' end
local fields = {}
local first = #KEYS + 1
for at = first, #ARGV, 2 do fields[ARGV[at]] = ARGV[at + 1] end
if fields.key and isOpen(fields.key) then return 'exists' end
for at = 5, #KEYS do
  local quota, limit = sound(KEYS[at], 'set'), tonumber(ARGV[at])
  if redis.call('SCARD', quota) >= limit then
    for _, id in ipairs(redis.call('SMEMBERS', quota)) do
      local state = fieldsOf(sessionKey(id), 'state')[1]
      if not state or state == 'closed' then redis.call('SREM', quota, id) end
    end
    if redis.call('SCARD', quota) >= limit then return 'quota-full ' .. (at - 5) end
  end
end
if isFull(KEYS[3], tonumber(ARGV[4]), 'SCARD', 'SRANDMEMBER', 'SREM') then
  return 'principal-full'
end
if isFull(KEYS[2], tonumber(ARGV[3]), 'ZCARD', 'ZRANDMEMBER', 'ZREM') then
  return 'gateway-full'
end
redis.call('HSET', KEYS[1], unpack(ARGV, first))
for at = 5, #KEYS do
  local leftMs = math.max(1, num(fields.maxAtMs) - now()) + ${tombstoneMs}
  redis.call('SADD', KEYS[at], ARGV[2])
  if redis.call('PTTL', KEYS[at]) < leftMs then redis.call('PEXPIRE', KEYS[at], leftMs) end
end
if fields.key then keep(fields.key, ARGV[2], fields.maxAtMs) end
file(ARGV[2])
return 'created'
`

/**
 * KEYS the sessions · derived: sessions of their hosts
 * ARGV 1 base · 2… id and idleAtMs of each
 * Returns for each false where it is gone or ended, else { version, idleAtMs }
 */
const touch = `
local answers = {}
for at, key in ipairs(KEYS) do
  local id, wanted = ARGV[2 * at], ARGV[2 * at + 1]
  local state, version, idleAt, maxAt, host =
    unpack(fieldsOf(key, 'state', 'version', 'idleAtMs', 'maxAtMs', 'host'))
  if not state or not host or state == 'closing' or state == 'closed' then
    answers[at] = false
  else
    if num(idleAt) < num(wanted) then
      idleAt = wanted
      redis.call('HSET', key, 'idleAtMs', idleAt)
      redis.call('HDEL', key, 'lease.owner', 'lease.sinceMs', 'lease.ms')
      redis.call('ZREM', hostKey(host), id)
    end
    -- Into indexes that were lost it comes back so.
    redis.call('ZADD', hostKey(host), 'NX', math.min(num(idleAt), num(maxAt)), id)
    redis.call('ZADD', ids, 'NX', '+inf', id)
    answers[at] = { version, idleAt }
  end
end
return answers
`

/**
 * KEYS 1 the session · 2 all ids · derived: sessions of its hosts and of its principal
 * ARGV 1 base · 2 id · 3 version that was seen · 4 channel · 5 owner of the lease or '' · 6 its ms
 *   · 7… fields and values
 * Returns fields and values of the new record; false where the version is another
 *
 * Publishes the fields and values, as JSON, when the record has an end that it had not before.
 */
const update = `
local version, hadEnd, host, principal =
  unpack(fieldsOf(KEYS[1], 'version', 'end', 'host', 'principal'))
if version ~= ARGV[3] then return false end
if ARGV[5] ~= '' then lease(KEYS[1], ARGV[5], ARGV[6]) end
takeOut(ARGV[2], host, principal)
redis.call('HSET', KEYS[1], 'version', version + 1, unpack(ARGV, 7))
file(ARGV[2])
local record = redis.call('HGETALL', KEYS[1])
if not hadEnd and redis.call('HEXISTS', KEYS[1], 'end') == 1 then
  redis.call('PUBLISH', ARGV[4], cjson.encode(record))
end
return record
`

/**
 * KEYS 1 the session · 2 all ids · derived: sessions of its hosts and of its principal, the id of
 *   its key, and the session of that
 * ARGV 1 base · 2 id · 3 version, or '' for over whatever there is · 4… fields and values
 * Returns 1 when the record is stored now, in this version or a later one; 0 when it has ended
 */
const restore = `
local state, version, host, principal, owner, since, ms = unpack(fieldsOf(KEYS[1],
  'state', 'version', 'host', 'principal', 'lease.owner', 'lease.sinceMs', 'lease.ms'))
if state == 'closing' or state == 'closed' then return 0 end
if version and ARGV[3] ~= '' and num(version) >= tonumber(ARGV[3]) then return 1 end
takeOut(ARGV[2], host, principal)
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
if owner then
  redis.call('HSET', KEYS[1], 'lease.owner', owner, 'lease.sinceMs', since, 'lease.ms', ms)
end
local named, maxAt = unpack(redis.call('HMGET', KEYS[1], 'key', 'maxAtMs'))
if named and not isOpen(named) then keep(named, ARGV[2], maxAt) end
file(ARGV[2])
return 1
`

/**
 * KEYS 1 the session · 2 all ids · derived: sessions of its host and of its principal
 * ARGV 1 base · 2 id
 * Returns nothing
 */
const remove = `
takeOut(ARGV[2], unpack(fieldsOf(KEYS[1], 'host', 'principal')))
redis.call('DEL', KEYS[1])
redis.call('ZREM', ids, ARGV[2])
keepIds()
`

/**
 * KEYS 1 sessions of the host · 2 hosts · 3 replicas · derived: the sessions, those of lost hosts
 * ARGV 1 base · 2 host · 3 limit · 4 owner · 5 leaseMs · 6 lostAfterMs or ''
 * Returns a list: the id, the index that names it, fields and values of the record
 *
 * Ids in an index whose record is gone (evicted) are taken out of it.
 */
const claimDue = `
local time, limit, claimed = now(), tonumber(ARGV[3]), {}
local function isHeld(owner, since, ms)
  if not owner or owner == ARGV[4] then return false end
  local seen = tonumber(redis.call('ZSCORE', KEYS[3], owner) or 0)
  return time < math.max(num(since), seen) + num(ms)
end
local function claim(index, found)
  for _, id in ipairs(found) do
    if #claimed >= limit then return end
    local key = sessionKey(id)
    local state, owner, since, ms =
      unpack(fieldsOf(key, 'state', 'lease.owner', 'lease.sinceMs', 'lease.ms'))
    if not state then
      redis.call('ZREM', index, id)
      redis.call('ZREM', ids, id)
    elseif not isHeld(owner, since, ms) then
      lease(key, ARGV[4], ARGV[5])
      claimed[#claimed + 1] = { id, index, redis.call('HGETALL', key) }
    end
  end
end
for _, index in ipairs(KEYS) do sound(index, 'zset') end
claim(KEYS[1], redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', time))
if ARGV[6] ~= '' then
  for _, host in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', time - ARGV[6])) do
    local index = hostKey(host)
    if host ~= ARGV[2] then claim(index, redis.call('ZRANGE', index, 0, -1)) end
  end
end
return claimed
`

/**
 * KEYS 1 hosts · 2 replicas · 3 the installation · 4 all ids · derived: sessions of silent hosts
 * ARGV 1 base · 2 host · 3 replica
 * Returns { 1 when it holds the installation else 0, the time }
 *
 * Also takes out what nobody needs: replicas and hosts that were silent for a day (a host with
 * sessions stays, or nobody would end them) and ids whose tombstones have gone.
 */
const heartbeat = `
local time = now()
for _, index in ipairs({ KEYS[1], KEYS[2], KEYS[4] }) do sound(index, 'zset') end
hostKey(ARGV[2])
redis.call('ZADD', KEYS[1], time, ARGV[2])
redis.call('ZADD', KEYS[2], time, ARGV[3])
local silent = time - ${forgetAfterMs}
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', silent)
for _, host in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', silent)) do
  if redis.call('EXISTS', hostKey(host)) == 0 then redis.call('ZREM', KEYS[1], host) end
end
redis.call('PEXPIRE', KEYS[1], ${installationMs})
redis.call('PEXPIRE', KEYS[2], ${forgetAfterMs})
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', time)
return { redis.call('PEXPIRE', KEYS[3], ${installationMs}), time }
`

/**
 * KEYS 1 the number
 * ARGV 1 base · 2 how many more · 3 for how long it counts, in milliseconds
 * Returns { the number, for how long it still counts }
 */
const count = `
sound(KEYS[1], 'string')
if not tonumber(redis.call('GET', KEYS[1]) or 0) then redis.call('DEL', KEYS[1]) end
local number = redis.call('INCRBY', KEYS[1], ARGV[2])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[3])
  redis.call('PEXPIRE', KEYS[1], left)
end
if number <= 0 then redis.call('DEL', KEYS[1]) end
return { math.max(number, 0), left }
`

/**
 * KEYS 1 hosts · 2 replicas · 3 sessions of the host
 * ARGV 1 base · 2 host · 3 replica
 * Returns nothing
 *
 * What the last heartbeat of this replica wrote. Another replica of the host writes the host anew.
 */
const leave = `
redis.call('ZREM', KEYS[2], ARGV[3])
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('ZREM', KEYS[1], ARGV[2]) end
`

/**
 * KEYS 1 a key that is never there
 * ARGV 1 base
 * Returns { the time, the version of Redis as a number; 0 before 7 }
 *
 * It writes what takes memory, and takes it back, so that a Redis that is full or takes no writes
 * says so as it would to who opens a session.
 */
const probe = `
redis.call('SET', KEYS[1], '', 'PX', 1000)
redis.call('DEL', KEYS[1])
return { now(), redis.REDIS_VERSION_NUM or 0 }
`

const bodies = {
  ...{ create, touch, update, restore, remove, claimDue },
  ...{ count, heartbeat, leave, probe },
}

export type Scripts = Record<keyof typeof bodies, Script>

/**
 * Tests alone have others than the usual.
 *
 * @param time body of a Lua function that gives the time
 */
export function createScripts(time = redisTime, tombstones = tombstoneLimits): Scripts {
  const scripts = Object.entries(bodies).map(([name, body]) => {
    const lua = `${prelude(time, tombstones)}${body}`
    return [name, { lua, sha: createHash('sha1').update(lua).digest('hex') }]
  })
  return Object.fromEntries(scripts) as Scripts
}
