/*
 * The key space. Every key starts with `{PREFIX}:`, so that all of them are in one slot of a Redis Cluster and one script
 * may access them all. Scripts get the prefix as their first argument; their one declared key only routes them.
 *
 *   version                string   format of everything else
 *   tick:GROUP:EVAL_TIME   string   the replica that claimed a tick; expires, never deleted
 *   groups                 set      ids of the groups that have state
 *   group:GROUP            hash     evalTime (the fencing token), state (RuleGroupState as a record)
 *   seq                    string   the last number assigned to an entry
 *   entry:ID               hash     payload (a record), seq, alertId, kind, notBefore, attempt; optional: takenAt,
 *                                   leasedUntil, unknownSince
 *   queue:ALERT_ID         zset     the alert's entries by seq: only the first may be taken
 *   waiting                zset     alerts by the time at which their first entry may be taken
 *   ready                  zset     alerts whose first entry may be taken now, by its seq
 *   created                zset     ids of all entries by the time they were created
 *   done                   zset     ids of completed entries by when, for a day
 *   ref:ALERT_ID           string   MessageRef as a record; expires
 *   action:ALERT_ID        hash     actions of people: acknowledged, closed (records); expires with the reference
 *   silences               zset     ids of silences by their end
 *   silence                hash     StoredSilence as a record, by id
 *   silence-end            hash     the early end of a silence, by id
 *
 * `waiting` and `ready` make taking the oldest due entry cheap for any number of entries: each alert moves from one to
 * the other once per entry.
 */

/** Lua functions that the scripts share. Numbers stay strings wherever they are only passed on. */
const SHARED = `
local p = ARGV[1]
local DAY = 86400
local function now() return tonumber(redis.call('TIME')[1]) end
local function entry(id) return p .. 'entry:' .. id end
local function queue(alertId) return p .. 'queue:' .. alertId end
local function head(alertId) return redis.call('ZRANGE', queue(alertId), 0, 0)[1] end

-- Puts an alert into the set where its first entry belongs.
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

-- A newer entry of the alert replaces refreshes that were never taken.
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

/** Arguments: prefix, now, end of the lease. Answers nothing, or payload, notBefore, attempt, unknownSince. */
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
-- Taken before, and neither completed nor postponed: its outcome is unknown.
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
  redis.call('PEXPIRE', p .. 'action:' .. ARGV[3], ARGV[5])
end
add(6)
place(alertId)
return 1
`;

/** Arguments: prefix, id, notBefore, unknownSince or '', attempt or ''. */
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

/** Arguments: prefix, alert, kind, record, its life in ms, entries. Answers with all actions of the alert. */
const RECORD_ACTION = `${SHARED}
local key = p .. 'action:' .. ARGV[2]
if redis.call('HSETNX', key, ARGV[3], ARGV[4]) == 1 then
  redis.call('PEXPIRE', key, ARGV[5])
  add(6)
end
return redis.call('HMGET', key, 'acknowledged', 'closed')
`;

/** Arguments: prefix, alerts. Answers with the actions of each. */
const ACTIONS = `${SHARED}
local found = {}
for i = 2, #ARGV do
  found[i - 1] = redis.call('HMGET', p .. 'action:' .. ARGV[i], 'acknowledged', 'closed')
end
return found
`;

/** Arguments: prefix, id, record, end, delete those that ended by then, entries. Answers with record and early end. */
const ADD_SILENCE = `${SHARED}
if not redis.call('ZSCORE', p .. 'silences', ARGV[2]) then
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', p .. 'silences', '-inf', ARGV[5])) do
    redis.call('HDEL', p .. 'silence', old)
    redis.call('HDEL', p .. 'silence-end', old)
    redis.call('ZREM', p .. 'silences', old)
  end
  redis.call('HSET', p .. 'silence', ARGV[2], ARGV[3])
  redis.call('ZADD', p .. 'silences', ARGV[4], ARGV[2])
  add(6)
end
return {redis.call('HGET', p .. 'silence', ARGV[2]), redis.call('HGET', p .. 'silence-end', ARGV[2])}
`;

/** Arguments: prefix, id, now, record of the early end, entries. Answers with record and early end, or nothing. */
const END_SILENCE = `${SHARED}
local ends = redis.call('ZSCORE', p .. 'silences', ARGV[2])
if not ends then return {} end
if tonumber(ends) > tonumber(ARGV[3]) then
  redis.call('ZADD', p .. 'silences', ARGV[3], ARGV[2])
  redis.call('HSET', p .. 'silence-end', ARGV[2], ARGV[4])
  add(5)
end
return {redis.call('HGET', p .. 'silence', ARGV[2]), redis.call('HGET', p .. 'silence-end', ARGV[2])}
`;

/** Arguments: prefix, an instant. Answers with record and early end of each silence that ends after it, as one list. */
const SILENCES = `${SHARED}
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', p .. 'silences', '(' .. ARGV[2], '+inf')) do
  table.insert(found, redis.call('HGET', p .. 'silence', id))
  table.insert(found, redis.call('HGET', p .. 'silence-end', id))
end
return found
`;

/** The scripts by the name of the command that they become. Each takes one key. */
export const SCRIPTS = {
  storeApply: APPLY,
  storeRemoveGroup: REMOVE_GROUP,
  storeTake: TAKE,
  storeComplete: COMPLETE,
  storePostpone: POSTPONE,
  storeRecordAction: RECORD_ACTION,
  storeActions: ACTIONS,
  storeAddSilence: ADD_SILENCE,
  storeEndSilence: END_SILENCE,
  storeSilences: SILENCES,
} as const;
