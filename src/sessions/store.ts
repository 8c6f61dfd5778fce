import type { SessionRecord } from './record.ts'

/**
 * The contract of a store: where session records are kept. Every store passes
 * `test/suites/store.ts`. All times are the store's own clock; no verb has a side effect beyond
 * what its name says; in particular reading never prolongs a session.
 *
 * @throws ERR_SESSIONS_STORE from every verb that asks a store which cannot be reached
 */
export interface SessionStore {
  /** Which store it is, for markers of workers: kind and place, no secret. */
  readonly name: string

  /**
   * Whether it outlives this process and may be shared with others. Then workers outlive their
   * gateway too, and several gateways serve the sessions of one host.
   */
  readonly isShared: boolean

  /**
   * How often a gateway tells of activity, in milliseconds. The idle deadline of a record is later
   * than the true one by as much, so that no end comes before the news of what prevents it.
   */
  readonly touchEveryMs: number

  /** The store's own clock, as far as this process knows it, in milliseconds since the epoch. */
  now(): number

  /** Whether it answers and takes writes, as far as this process knows. */
  isAvailable(): boolean

  /**
   * Why no session can be written now, in words that anybody may read; undefined when one can. It
   * tries, and not more often than once a second, however often it is asked. Never rejects.
   */
  problem(): Promise<string | undefined>

  /**
   * Adds a record if there is none of that id, none of its key that has not ended, and the caps
   * leave room, in one step. The key then stands for the new record, and the one that it stood for
   * before is a tombstone as any other. Whoever creates
   * it has to touch it until it is live: a record that is `queued` or `starting` is due when its
   * idle deadline has passed.
   */
  create(record: SessionRecord, caps: StoreCaps): Promise<CreateOutcome>

  get(id: string): Promise<SessionRecord | undefined>

  /** The latest record of this key, whatever its state. */
  getByKey(key: string): Promise<SessionRecord | undefined>

  /**
   * Moves idle deadlines, never backwards. It changes no version: a touch never makes a transition
   * lose. One that moves a deadline ends the lease of whoever wanted to end the session; one that
   * moves nothing only asks.
   *
   * @returns for each what is stored now, in the same order; undefined for what is gone or ended
   */
  touch(touches: readonly Touch[]): Promise<(Touched | undefined)[]>

  /**
   * Writes the next version of a record: compare-and-set.
   *
   * @param lease who is about to carry out the end that this begins, as in `claimDue`
   * @returns the new record, or undefined when there is none of that id or its version is another
   */
  update(
    id: string,
    version: number,
    changes: RecordChanges,
    lease?: Lease,
  ): Promise<SessionRecord | undefined>

  /**
   * Writes back the record of a living worker that the store has lost, or has in an older version.
   * No caps: the worker is there. A tombstone, or an end that was begun, always wins.
   *
   * @returns whether the record is stored now, in this version or a later one
   */
  restore(record: SessionRecord): Promise<boolean>

  /** Forgets a record, whatever its state; idempotent. */
  remove(id: string): Promise<void>

  /**
   * Takes sessions of one host that are due (`lifetime.ts`) or whose end was begun and not
   * finished. No other owner gets them until the owner of the lease has given no sign of life
   * (`heartbeat`, or the claim itself) for `leaseMs`; the owner itself may get them again.
   */
  claimDue(options: ClaimOptions): Promise<SessionRecord[]>

  /**
   * All records, tombstones included, in no order.
   *
   * @param host only those of this host that are not closed
   * @param isKnown ids that are passed over, without a look at their records
   */
  scan(host?: string, isKnown?: (id: string) => boolean): AsyncIterable<SessionRecord>

  /**
   * Counts more, or less, of something within a time that begins with the first of it.
   *
   * @returns how many there are now, and for how long they count
   */
  count(key: string, more: number, forMs: number): Promise<Counted>

  /**
   * Says that this host and this replica live.
   *
   * @returns whether the store holds the key of this installation: one that does not is new, or was
   * emptied
   */
  heartbeat(life: Life): Promise<boolean>

  /** From now on it holds the key of this installation. */
  enroll(installation: string): Promise<void>

  /** @returns a function that ends the telling */
  subscribe(listener: StoreListener): () => void

  /** Lets go of connections. No verb may be called afterwards. */
  close(): Promise<void>
}

export interface StoreListener {
  /** A session has begun to end, whoever ends it; told as soon as the store knows. */
  onEnded(record: SessionRecord): void
  /** The store is there again after it was not; news may have been missed meanwhile. */
  onBack(): void
}

export interface StoreCaps {
  /** Of the host of the record. */
  maxSessions: number
  /** Of its principal, on all hosts. */
  maxSessionsPerPrincipal: number
  /** What else counts it, on all hosts, until it is closed. */
  quotas?: readonly StoreQuota[]
}

export interface Counted {
  count: number
  leftMs: number
}

export interface StoreQuota {
  /** Of all records that count together. */
  key: string
  limit: number
}

/**
 * `full`: whose cap left no room. The quotas are looked at first (the number is a place in their
 * list), then the principal's.
 */
export type CreateOutcome =
  'created' | 'exists' | 'principal-full' | 'gateway-full' | `quota-full ${number}`

export interface Touch {
  id: string
  idleAtMs: number
}

export interface Touched {
  version: number
  idleAtMs: number
}

/** Who carries an end out, and for how long nobody else tries after the owner's last sign of life. */
export interface Lease {
  owner: string
  leaseMs: number
}

/** What a transition may change; the rest of a record is written once. */
export type RecordChanges = Partial<
  Pick<
    SessionRecord,
    | 'state'
    | 'host'
    | 'handle'
    | 'workerSessionId'
    | 'protocolVersion'
    | 'client'
    | 'initialize'
    | 'liveAtMs'
    | 'idleAtMs'
    | 'end'
    | 'usage'
  >
>

export interface ClaimOptions extends Lease {
  host: string
  limit: number
  /**
   * Takes the sessions of other hosts too, whether due or not, of which nothing was heard for so
   * long. Only to be given by who was connected all that time.
   */
  lostAfterMs?: number
}

export interface Life {
  host: string
  /** Name of the replica, as in leases. */
  owner: string
  installation: string
}

/** A host of which nothing was heard for so long is lost, unless a test says otherwise. */
export const hostLostAfterMs = 15_000
