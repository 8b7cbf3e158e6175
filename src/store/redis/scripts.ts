import { peopleScripts } from './scripts-people.ts';

/*
 * The key space. Every key starts with `{NAMESPACE}:`, so that all of them live in one evaluation time of a Redis Cluster and one
 * script may touch them all. Scripts get the prefix as their first argument; their one declared key only routes them.
 *
 *   version            string   format of everything else
 *   tick:GROUP:SLOT    string   the replica that claimed a tick; expires, never deleted
 *   groups             set      ids of the groups that have state
 *   group:GROUP        hash     evaluation time (the fencing token), state (GroupState as a record)
 *   seq                string   the last number given to an entry
 *   entry:ID           hash     payload (a record), seq, alert, kind, notBefore, attempt, and when they apply takenAt,
 *                               leasedUntil, unknown since
 *   alertId:EPISODE    zset     the alertId's entries by seq: only the first may be taken
 *   waiting            zset     alerts by the time at which their first entry may be taken
 *   ready              zset     alerts whose first entry may be taken now, by its seq
 *   created            zset     ids of all entries by the time they were created
 *   done               zset     ids of completed entries by when, for a day
 *   ref:EPISODE        string   MessageRef as a record; expires
 *   act:EPISODE        hash     what people did: acknowledged, closed (records); expires with the reference
 *   silences           zset     ids of silences by when they end
 *   silence            hash     StoredSilence as a record, by id
 *   silence-end        hash     who ended one early, by id
 *
 * `waiting` and `ready` make taking the oldest due entry cheap however many wait: each alert moves from one to the
 * other once for each of its entries.
 */

/** Lua functions that the scripts share. Numbers stay strings wherever they are only passed on. */
const SHARED = `
local p = ARGV[1]
local DAY = 86400
local function now() return tonumber(redis.call('TIME')[1]) end
local function entry(id) return p .. 'entry:' .. id end
local function queue(alertId) return p .. 'alertId:' .. alertId end
local function head(alertId) return redis.call('ZRANGE', queue(alertId), 0, 0)[1] end

-- Puts an alertId where its first entry belongs.
local function place(alertId)
  redis.call('ZREM', p .. 'waiting', alertId)
  redis.call('ZREM', p .. 'ready', alertId)
  local id = head(alertId)
  if not id then return end
  local times = redis.call('HMGET', entry(id), 'notBefore', 'leasedUntil')
  local due = math.max(tonumber(times[1]), tonumber(times[2]) or 0)
  redis.call('ZADD', p .. 'waiting', string.format('%.0f', due), alertId)
end

local function remove(id, alertId)
  redis.call('DEL', entry(id))
  redis.call('ZREM', queue(alertId), id)
  redis.call('ZREM', p .. 'created', id)
end

-- Something newer of the alertId has come: refreshes that nobody has taken are pointless.
local function drop_refreshes(alertId, added)
  for _, id in ipairs(redis.call('ZRANGE', queue(alertId), 0, -1)) do
    local known = redis.call('HMGET', entry(id), 'kind', 'attempt')
    if known[1] == 'refresh' and known[2] == '0' and not added[id] then remove(id, alertId) end
  end
end

-- Adds the entries that are the arguments from first on, seven each.
local function add(first)
  local added = {}
  for i = first, #ARGV, 7 do
    local id, alertId, kind, created, due, unknown, payload = unpack(ARGV, i, i + 6)
    local known = redis.call('EXISTS', entry(id)) == 1 or redis.call('ZSCORE', p .. 'done', id)
    if not known then
      added[id] = true
      drop_refreshes(alertId, added)
      local seq = redis.call('INCR', p .. 'seq')
      redis.call('HSET', entry(id), 'payload', payload, 'seq', seq, 'alertId', alertId, 'kind', kind,
        'notBefore', due, 'attempt', '0')
      if unknown ~= '' then redis.call('HSET', entry(id), 'unknownSince', unknown) end
      redis.call('ZADD', queue(alertId), seq, id)
      redis.call('ZADD', p .. 'created', created, id)
      place(alertId)
    end
  end
end
`;

/** Arguments: prefix, group, evaluation time, state, entries. Answers 1 when applied, 0 when stale. */
const APPLY = `${SHARED}
local group = p .. 'group:' .. ARGV[2]
local stored = redis.call('HGET', group, 'evalTime')
if stored and tonumber(stored) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', group, 'evalTime', ARGV[3], 'state', ARGV[4])
redis.call('SADD', p .. 'groups', ARGV[2])
add(5)
return 1
`;

/** Arguments: prefix, group. */
const REMOVE_GROUP = `${SHARED}
redis.call('DEL', p .. 'group:' .. ARGV[2])
redis.call('SREM', p .. 'groups', ARGV[2])
return 1
`;

/** Arguments: prefix, now, end of the lease. Answers nothing, or payload, notBefore, attempt, unknown since. */
const TAKE = `${SHARED}
for _, alertId in ipairs(redis.call('ZRANGEBYSCORE', p .. 'waiting', '-inf', ARGV[2])) do
  redis.call('ZADD', p .. 'ready', redis.call('HGET', entry(head(alertId)), 'seq'), alertId)
  redis.call('ZREM', p .. 'waiting', alertId)
end
local alertId = redis.call('ZRANGE', p .. 'ready', 0, 0)[1]
if not alertId then return nil end
local id = head(alertId)
local known = redis.call('HMGET', entry(id), 'payload', 'notBefore', 'attempt', 'takenAt', 'unknownSince')
local attempt = tonumber(known[3]) + 1
-- Taken before, and neither completed nor put off: what came of it is not known.
local unknown = known[5] or known[4] or ''
redis.call('HSET', entry(id), 'attempt', attempt, 'takenAt', ARGV[2], 'leasedUntil', ARGV[3])
if unknown ~= '' then redis.call('HSET', entry(id), 'unknownSince', unknown) end
place(alertId)
return {known[1], known[2], tostring(attempt), unknown}
`;

/** Arguments: prefix, id, alert of the reference or '', reference, its life in ms, entries. */
const COMPLETE = `${SHARED}
local alertId = redis.call('HGET', entry(ARGV[2]), 'alertId')
if not alertId then return 0 end
remove(ARGV[2], alertId)
redis.call('ZADD', p .. 'done', now(), ARGV[2])
redis.call('ZREMRANGEBYSCORE', p .. 'done', '-inf', now() - DAY)
if ARGV[3] ~= '' then
  redis.call('SET', p .. 'ref:' .. ARGV[3], ARGV[4], 'PX', ARGV[5])
  redis.call('PEXPIRE', p .. 'act:' .. ARGV[3], ARGV[5])
end
add(6)
place(alertId)
return 1
`;

/** Arguments: prefix, id, notBefore, unknown since or '', attempt or ''. */
const POSTPONE = `${SHARED}
local known = redis.call('HMGET', entry(ARGV[2]), 'alertId', 'attempt')
local alertId = known[1]
if not alertId then return 0 end
if ARGV[5] ~= '' and ARGV[5] ~= known[2] then return 0 end
redis.call('HSET', entry(ARGV[2]), 'notBefore', ARGV[3])
redis.call('HDEL', entry(ARGV[2]), 'takenAt', 'leasedUntil')
if ARGV[4] ~= '' then redis.call('HSET', entry(ARGV[2]), 'unknownSince', ARGV[4]) end
place(alertId)
return 1
`;

/** The scripts by the name of the command they become. Each takes one key. */
export const SCRIPTS = {
  storeApply: APPLY,
  storeRemoveGroup: REMOVE_GROUP,
  storeTake: TAKE,
  storeComplete: COMPLETE,
  storePostpone: POSTPONE,
  ...peopleScripts(SHARED),
} as const;
