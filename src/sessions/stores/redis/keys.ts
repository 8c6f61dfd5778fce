/**
 * Names of everything in Redis. All of them begin with one hash tag, `{berth}`, so that Redis
 * Cluster keeps them on one node and a script may touch any of them.
 */
export interface Keys {
  /** What every name begins with; scripts derive from it what they cannot be told beforehand. */
  base: string
  /** Hash: a record, a field for each of its keys, and its lease. */
  session(id: string): string
  /** String: id of the latest record of a key. */
  keyed(key: string): string
  /** Sorted set: sessions of one host that are not closed, by the time when they are due. */
  host(host: string): string
  /** Set: sessions of one principal that are not closed. */
  principal(principal: string): string
  /** Set: sessions that a quota counts; of those that are closed some stay until there is no room. */
  quota(key: string): string
  /** String: a number, for as long as it counts. */
  count(key: string): string
  /** Sorted set: every id, by the time when its record goes; infinite for what is not closed. */
  ids: string
  /** Sorted set: hosts by their last sign of life. */
  hosts: string
  /** Sorted set: replicas by their last sign of life. */
  replicas: string
  installation(installation: string): string
  /** Never there: a place to write nothing to. */
  probe: string
  /** Channel on which ends are told. Channels know no database, so it names its own. */
  ended: string
}

export function keysOf(prefix: string, db: number): Keys {
  const base = `{${prefix}}:`
  return {
    base,
    session: (id) => `${base}session:${id}`,
    keyed: (key) => `${base}key:${key}`,
    host: (host) => `${base}host:${host}`,
    principal: (principal) => `${base}principal:${principal}`,
    quota: (key) => `${base}quota:${key}`,
    count: (key) => `${base}count:${key}`,
    ids: `${base}ids`,
    hosts: `${base}hosts`,
    replicas: `${base}replicas`,
    installation: (installation) => `${base}installation:${installation}`,
    probe: `${base}probe`,
    ended: `${base}ended:${db}`,
  }
}
