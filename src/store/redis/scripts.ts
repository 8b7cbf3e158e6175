import { peopleScripts } from './scripts-people.ts';

/*
 * The key space. Every key starts with `{NAMESPACE}:`, so that all of them live in one slot of a Redis Cluster and one
 * script may touch them all. Scripts get the prefix as their first argument; their one declared key only routes them.
 *
 *   version            string   format of everything else
 *   tick:GROUP:SLOT    string   the replica that claimed a tick; expires, never deleted
 *   groups             set      ids of the groups that have state
 *   group:GROUP        hash     slot (the fencing token), state (GroupState as a record)
 *   seq                string   the last number given to an entry
 *   entry:ID           hash     payload (a record), seq, episode, kind, notBefore, attempt, and when they apply takenAt,
 *                               leasedUntil, uncertainSince
 *   episode:EPISODE    zset     the episode's entries by seq: only the first may be taken
 *   waiting            zset     episodes by the time at which their first entry may be taken
 *   ready              zset     episodes whose first entry may be taken now, by its seq
 *   created            zset     ids of all entries by the time they were created
 *   done               zset     ids of completed entries by when, for a day
 *   ref:EPISODE        string   MessageRef as a record; expires
 *   act:EPISODE        hash     what people did: acknowledged, ended (records); expires with the reference
 *   silences           zset     ids of silences by when they end
 *   silence            hash     StoredSilence as a record, by id
 *   silence-end        hash     who ended one early, by id
 *
 * `waiting` and `ready` make taking the oldest due entry cheap however many wait: each episode moves from one to the
 * other once for each of its entries.
 */

/** Lua functions that the scripts share. Numbers stay strings wherever they are only passed on. */
const SHARED = `
local p = ARGV[1]
local DAY = 86400
local function now() return tonumber(redis.call('TIME')[1]) end
local function entry(id) return p .. 'entry:' .. id end
local function queue(episode) return p .. 'episode:' .. episode end
local function head(episode) return redis.call('ZRANGE', queue(episode), 0, 0)[1] end

-- Puts an episode where its first entry belongs.
local function place(episode)
  redis.call('ZREM', p .. 'waiting', episode)
  redis.call('ZREM', p .. 'ready', episode)
  local id = head(episode)
  if not id then return end
  local times = redis.call('HMGET', entry(id), 'notBefore', 'leasedUntil')
  local due = math.max(tonumber(times[1]), tonumber(times[2]) or 0)
  redis.call('ZADD', p .. 'waiting', string.format('%.0f', due), episode)
end

local function remove(id, episode)
  redis.call('DEL', entry(id))
  redis.call('ZREM', queue(episode), id)
  redis.call('ZREM', p .. 'created', id)
end

-- Something newer of the episode has come: refreshes that nobody has taken are pointless.
local function drop_refreshes(episode, added)
  for _, id in ipairs(redis.call('ZRANGE', queue(episode), 0, -1)) do
    local known = redis.call('HMGET', entry(id), 'kind', 'attempt')
    if known[1] == 'refresh' and known[2] == '0' and not added[id] then remove(id, episode) end
  end
end

-- Adds the entries that are the arguments from first on, seven each.
local function add(first)
  local added = {}
  for i = first, #ARGV, 7 do
    local id, episode, kind, created, due, uncertain, payload = unpack(ARGV, i, i + 6)
    local known = redis.call('EXISTS', entry(id)) == 1 or redis.call('ZSCORE', p .. 'done', id)
    if not known then
      added[id] = true
      drop_refreshes(episode, added)
      local seq = redis.call('INCR', p .. 'seq')
      redis.call('HSET', entry(id), 'payload', payload, 'seq', seq, 'episode', episode, 'kind', kind,
        'notBefore', due, 'attempt', '0')
      if uncertain ~= '' then redis.call('HSET', entry(id), 'uncertainSince', uncertain) end
      redis.call('ZADD', queue(episode), seq, id)
      redis.call('ZADD', p .. 'created', created, id)
      place(episode)
    end
  end
end
`;

/** Arguments: prefix, group, slot, state, entries. Answers 1 when applied, 0 when stale. */
const APPLY = `${SHARED}
local group = p .. 'group:' .. ARGV[2]
local stored = redis.call('HGET', group, 'slot')
if stored and tonumber(stored) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', group, 'slot', ARGV[3], 'state', ARGV[4])
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

/** Arguments: prefix, now, end of the lease. Answers nothing, or payload, notBefore, attempt, uncertainSince. */
const TAKE = `${SHARED}
for _, episode in ipairs(redis.call('ZRANGEBYSCORE', p .. 'waiting', '-inf', ARGV[2])) do
  redis.call('ZADD', p .. 'ready', redis.call('HGET', entry(head(episode)), 'seq'), episode)
  redis.call('ZREM', p .. 'waiting', episode)
end
local episode = redis.call('ZRANGE', p .. 'ready', 0, 0)[1]
if not episode then return nil end
local id = head(episode)
local known = redis.call('HMGET', entry(id), 'payload', 'notBefore', 'attempt', 'takenAt', 'uncertainSince')
local attempt = tonumber(known[3]) + 1
-- Taken before, and neither completed nor put off: what came of it is not known.
local uncertain = known[5] or known[4] or ''
redis.call('HSET', entry(id), 'attempt', attempt, 'takenAt', ARGV[2], 'leasedUntil', ARGV[3])
if uncertain ~= '' then redis.call('HSET', entry(id), 'uncertainSince', uncertain) end
place(episode)
return {known[1], known[2], tostring(attempt), uncertain}
`;

/** Arguments: prefix, id, episode of the reference or '', reference, its life in ms, entries. */
const COMPLETE = `${SHARED}
local episode = redis.call('HGET', entry(ARGV[2]), 'episode')
if not episode then return 0 end
remove(ARGV[2], episode)
redis.call('ZADD', p .. 'done', now(), ARGV[2])
redis.call('ZREMRANGEBYSCORE', p .. 'done', '-inf', now() - DAY)
if ARGV[3] ~= '' then
  redis.call('SET', p .. 'ref:' .. ARGV[3], ARGV[4], 'PX', ARGV[5])
  redis.call('PEXPIRE', p .. 'act:' .. ARGV[3], ARGV[5])
end
add(6)
place(episode)
return 1
`;

/** Arguments: prefix, id, notBefore, uncertainSince or '', attempt or ''. */
const POSTPONE = `${SHARED}
local known = redis.call('HMGET', entry(ARGV[2]), 'episode', 'attempt')
local episode = known[1]
if not episode then return 0 end
if ARGV[5] ~= '' and ARGV[5] ~= known[2] then return 0 end
redis.call('HSET', entry(ARGV[2]), 'notBefore', ARGV[3])
redis.call('HDEL', entry(ARGV[2]), 'takenAt', 'leasedUntil')
if ARGV[4] ~= '' then redis.call('HSET', entry(ARGV[2]), 'uncertainSince', ARGV[4]) end
place(episode)
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
