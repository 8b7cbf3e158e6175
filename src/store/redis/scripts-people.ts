/** Scripts about what people did; `shared` holds the functions of the outbox's scripts. */
export function peopleScripts(shared: string) {
  /** Arguments: prefix, alert, kind, record, its life in ms, entries. Answers with all actions of the alert. */
  const recordAction = `${shared}
local key = p .. 'act:' .. ARGV[2]
if redis.call('HSETNX', key, ARGV[3], ARGV[4]) == 1 then
  redis.call('PEXPIRE', key, ARGV[5])
  add(6)
end
return redis.call('HMGET', key, 'acknowledged', 'closed')
`;

  /** Arguments: prefix, alerts. Answers with the actions of each. */
  const actions = `${shared}
local found = {}
for i = 2, #ARGV do
  found[i - 1] = redis.call('HMGET', p .. 'act:' .. ARGV[i], 'acknowledged', 'closed')
end
return found
`;

  /** Arguments: prefix, id, record, end, forget what ended by then, entries. Answers with record and early end. */
  const addSilence = `${shared}
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
  const endSilence = `${shared}
local ends = redis.call('ZSCORE', p .. 'silences', ARGV[2])
if not ends then return {} end
if tonumber(ends) > tonumber(ARGV[3]) then
  redis.call('ZADD', p .. 'silences', ARGV[3], ARGV[2])
  redis.call('HSET', p .. 'silence-end', ARGV[2], ARGV[4])
  add(5)
end
return {redis.call('HGET', p .. 'silence', ARGV[2]), redis.call('HGET', p .. 'silence-end', ARGV[2])}
`;

  /** Arguments: prefix, an instant. Answers with record and early end, in turn, of those that end after it. */
  const silences = `${shared}
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', p .. 'silences', '(' .. ARGV[2], '+inf')) do
  table.insert(found, redis.call('HGET', p .. 'silence', id))
  table.insert(found, redis.call('HGET', p .. 'silence-end', id))
end
return found
`;

  return {
    storeRecordAct: recordAction,
    storeActions: actions,
    storeAddSilence: addSilence,
    storeEndSilence: endSilence,
    storeSilences: silences,
  } as const;
}
