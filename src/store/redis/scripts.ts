/*
 * The key space. Every key starts with `{PREFIX}:`, so that all of them are in one slot of a Redis Cluster and one script
 * may access them all. Scripts get the prefix as their first argument; their one declared key only routes them.
 *
 *   version                string   format of everything else
 *   tick:GROUP:EVAL_TIME   string   the replica that claimed a tick; expires, never deleted
 *   groups                 set      ids of the groups that have state
 *   group:GROUP            hash     evalTime (the fencing token), state (RuleGroupState as a record)
 *   message:KEY            hash     desired, shown, attempt, silence (records), failures, revision, synced, token, and while
 *                                   they apply: due, leased; expires once what it should show is shown
 *   lines:KEY              hash     ThreadLine as a record, by its key, until the thread shows it
 *   shown-lines:KEY        set      keys of the lines that the thread shows
 *   due                    zset     messages that are not shown as they should be, by when they may be claimed
 *   pending                zset     the same, by since when
 *   action:ALERT_ID        hash     actions of people: acknowledged, unacknowledged, closed (records); expires with the reference
 *   silences               zset     ids of silences by their end
 *   silence                hash     StoredSilence as a record, by id
 *   silence-end            hash     the early end of a silence, by id
 *   ledger                 zset     LedgerEntry as a record, by its time
 *   evidence:ALERT_ID      string   what was kept of an alert; expires
 *   evidence               zset     alerts whose evidence is kept, by when that was
 *   restored               string   when the open messages were looked for in Slack, with ' partial' while some could not
 *                                   be read: gone when the data was lost
 */

/** Lua functions that the scripts share. Numbers stay strings wherever they are only passed on. */
const SHARED = `
local p = ARGV[1]
local function message(key) return p .. 'message:' .. key end
local function lines(key) return p .. 'lines:' .. key end
local function shown_lines(key) return p .. 'shown-lines:' .. key end
local function each_key(key) return {message(key), lines(key), shown_lines(key)} end

-- Puts a message into the queue by when it may be claimed, or takes it out.
local function place(key)
  local times = redis.call('HMGET', message(key), 'due', 'leased')
  if not times[1] then
    redis.call('ZREM', p .. 'due', key)
    redis.call('ZREM', p .. 'pending', key)
    return
  end
  local at = math.max(tonumber(times[1]), tonumber(times[2] or '0'))
  redis.call('ZADD', p .. 'due', string.format('%.0f', at), key)
end

local function change(key, at, due)
  if redis.call('HEXISTS', message(key), 'due') == 0 then
    redis.call('HSET', message(key), 'due', due)
    redis.call('ZADD', p .. 'pending', at, key)
  end
  for _, name in ipairs(each_key(key)) do redis.call('PERSIST', name) end
  place(key)
end

-- Applies the message updates that are the arguments from first on, nine each.
local function add(first)
  for i = first, #ARGV, 9 do
    local key, new, desired, touched, line_key, line, silence, at, due = unpack(ARGV, i, i + 8)
    local name = message(key)
    if new == '1' or redis.call('EXISTS', name) == 1 then
      local changed = desired ~= '' or touched == '1'
      if changed then redis.call('HINCRBY', name, 'revision', 1) end
      if desired ~= '' then redis.call('HSET', name, 'desired', desired) end
      if line_key ~= '' and redis.call('SISMEMBER', shown_lines(key), line_key) == 0 then
        if redis.call('HSETNX', lines(key), line_key, line) == 1 then changed = true end
      end
      if silence ~= '' then redis.call('HSET', name, 'silence', silence) end
      if changed then change(key, at, due) end
    end
  end
end
`;

/**
 * Arguments: prefix, group, evaluation time, state, a later time that it replaces or '', '1' when the store must be restored,
 * the time of the state that it follows ('0': none) or '', message updates. Answers 1 when applied, 0 when stale, -1 when it is not restored.
 */
const APPLY = `${SHARED}
if ARGV[6] == '1' and redis.call('EXISTS', p .. 'restored') == 0 then return -1 end
local group = p .. 'group:' .. ARGV[2]
local stored = redis.call('HGET', group, 'evalTime')
if ARGV[7] ~= '' and (stored or '0') ~= ARGV[7] then return 0 end
if stored and tonumber(stored) >= tonumber(ARGV[3]) and stored ~= ARGV[5] then return 0 end
redis.call('HSET', group, 'evalTime', ARGV[3], 'state', ARGV[4])
redis.call('SADD', p .. 'groups', ARGV[2])
add(8)
return 1
`;

/**
 * Arguments: prefix, what `restored` is to hold and what it holds now ('': nothing), number of groups, number of messages; of
 * each group its id, evaluation time and state; of each message its key, what it shows, its desired message, and its line
 * keys as a JSON list; message updates. Answers 1, or 0 when `restored` holds something else.
 */
const RESTORE = `${SHARED}
if (redis.call('GET', p .. 'restored') or '') ~= ARGV[3] then return 0 end
redis.call('SET', p .. 'restored', ARGV[2])
local at = 6
for i = 1, tonumber(ARGV[4]) do
  local id, evalTime, state = unpack(ARGV, at, at + 2)
  redis.call('HSET', p .. 'group:' .. id, 'evalTime', evalTime, 'state', state)
  redis.call('SADD', p .. 'groups', id)
  at = at + 3
end
for i = 1, tonumber(ARGV[5]) do
  local key, shown, desired, line_keys = unpack(ARGV, at, at + 3)
  redis.call('HSET', message(key), 'shown', shown, 'desired', desired, 'revision', '0', 'synced', '0', 'failures', '0')
  for _, line in ipairs(cjson.decode(line_keys)) do redis.call('SADD', shown_lines(key), line) end
  at = at + 4
end
add(at)
return 1
`;

/** Arguments: prefix, group. */
const REMOVE_GROUP = `${SHARED}
redis.call('DEL', p .. 'group:' .. ARGV[2])
redis.call('SREM', p .. 'groups', ARGV[2])
return 1
`;

/** Arguments: prefix, now, end of the lease. Answers nothing, or key, token, the message's fields, and its lines. */
const CLAIM = `${SHARED}
local key = redis.call('ZRANGEBYSCORE', p .. 'due', '-inf', ARGV[2], 'LIMIT', 0, 1)[1]
if not key then return nil end
local token = redis.call('HINCRBY', message(key), 'token', 1)
redis.call('HSET', message(key), 'leased', ARGV[3])
place(key)
local fields = redis.call('HMGET', message(key), 'desired', 'shown', 'attempt', 'silence', 'failures', 'revision',
  'synced')
for i = 1, 7 do fields[i] = fields[i] or '' end
return {key, tostring(token), fields, redis.call('HVALS', lines(key))}
`;

/** Arguments: prefix, key, token, end of the lease, attempt or ''. Answers 1, or 0 when it was claimed again since. */
const RENEW = `${SHARED}
local name = message(ARGV[2])
if redis.call('HGET', name, 'token') ~= ARGV[3] then return 0 end
redis.call('HSET', name, 'leased', ARGV[4])
if ARGV[5] ~= '' then redis.call('HSET', name, 'attempt', ARGV[5]) end
place(ARGV[2])
return 1
`;

/**
 * Arguments: prefix, key, token, shown or '', attempt or '', failures, synced revision, when due, '1' for the final form,
 * how long it is kept in ms, keys of shown lines. Answers 1, or 0 when it was claimed again since.
 */
const SETTLE = `${SHARED}
local key, name = ARGV[2], message(ARGV[2])
if redis.call('HGET', name, 'token') ~= ARGV[3] then return 0 end
if ARGV[4] ~= '' then redis.call('HSET', name, 'shown', ARGV[4]) end
if ARGV[5] ~= '' then redis.call('HSET', name, 'attempt', ARGV[5]) else redis.call('HDEL', name, 'attempt') end
redis.call('HSET', name, 'failures', ARGV[6], 'synced', ARGV[7])
redis.call('HDEL', name, 'leased')
for i = 11, #ARGV do
  redis.call('HDEL', lines(key), ARGV[i])
  redis.call('SADD', shown_lines(key), ARGV[i])
end
local revision = tonumber(redis.call('HGET', name, 'revision') or '0')
if revision > tonumber(ARGV[7]) or redis.call('HLEN', lines(key)) > 0 then
  redis.call('HSET', name, 'due', ARGV[8])
else
  redis.call('HDEL', name, 'due')
  if ARGV[9] == '1' then redis.call('HDEL', name, 'desired') end
  for _, each in ipairs(each_key(key)) do redis.call('PEXPIRE', each, ARGV[10]) end
  redis.call('PEXPIRE', p .. 'action:' .. key, ARGV[10])
end
place(key)
return 1
`;

/**
 * Arguments: prefix, alert, kind, record, its life in ms, message updates. Answers with all actions of the alert. The first
 * of a kind counts; a withdrawal deletes the acknowledgement, and is a new one when there was one or it is the first.
 */
const RECORD_ACTION = `${SHARED}
local key = p .. 'action:' .. ARGV[2]
if ARGV[3] == 'unacknowledged' and redis.call('HDEL', key, 'acknowledged') == 1 then
  redis.call('HDEL', key, ARGV[3])
end
if redis.call('HSETNX', key, ARGV[3], ARGV[4]) == 1 then
  redis.call('PEXPIRE', key, ARGV[5])
  add(6)
end
return redis.call('HMGET', key, 'acknowledged', 'closed', 'unacknowledged')
`;

/** Arguments: prefix, alerts. Answers with the actions of each. */
const ACTIONS = `${SHARED}
local found = {}
for i = 2, #ARGV do
  found[i - 1] = redis.call('HMGET', p .. 'action:' .. ARGV[i], 'acknowledged', 'closed', 'unacknowledged')
end
return found
`;

/** Arguments: prefix, id, record, end, delete those that ended by then, message updates. Answers with record and early end. */
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

/** Arguments: prefix, id, now, record of the early end, message updates. Answers with record and early end, or nothing. */
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

/** Arguments: prefix, delete entries until this time, how many are kept, time and record of each entry. */
const APPEND_LEDGER = `${SHARED}
for i = 4, #ARGV, 2 do redis.call('ZADD', p .. 'ledger', ARGV[i], ARGV[i + 1]) end
redis.call('ZREMRANGEBYSCORE', p .. 'ledger', '-inf', ARGV[2])
redis.call('ZREMRANGEBYRANK', p .. 'ledger', 0, -1 - tonumber(ARGV[3]))
return 1
`;

/** Arguments: prefix, an instant. Answers with the records of the entries since then, the newest first. */
const LEDGER = `${SHARED}
return redis.call('ZREVRANGEBYSCORE', p .. 'ledger', '+inf', ARGV[2])
`;

/** Arguments: prefix, alert, data, when, its life in ms, of how many alerts it is kept. */
const KEEP_EVIDENCE = `${SHARED}
local kept = p .. 'evidence'
local function name(alert) return p .. 'evidence:' .. alert end
redis.call('SET', name(ARGV[2]), ARGV[3], 'PX', ARGV[5])
redis.call('ZADD', kept, ARGV[4], ARGV[2])
redis.call('PEXPIRE', kept, ARGV[5])
for _, old in ipairs(redis.call('ZRANGE', kept, 0, -1 - tonumber(ARGV[6]))) do
  redis.call('DEL', name(old))
  redis.call('ZREM', kept, old)
end
return 1
`;

/** The scripts by the name of the command that they become. Each takes one key. */
export const SCRIPTS = {
  storeApply: APPLY,
  storeRestore: RESTORE,
  storeAppendLedger: APPEND_LEDGER,
  storeKeepEvidence: KEEP_EVIDENCE,
  storeLedger: LEDGER,
  storeRemoveGroup: REMOVE_GROUP,
  storeClaim: CLAIM,
  storeRenew: RENEW,
  storeSettle: SETTLE,
  storeRecordAction: RECORD_ACTION,
  storeActions: ACTIONS,
  storeAddSilence: ADD_SILENCE,
  storeEndSilence: END_SILENCE,
  storeSilences: SILENCES,
} as const;
