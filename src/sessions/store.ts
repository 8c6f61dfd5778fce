import type { SessionRecord } from './record.ts'

/**
 * The contract of a store: where session records are kept. Every store passes
 * `test/suites/store.ts`. All times are the store's own clock; no verb has a side effect beyond
 * what its name says; in particular reading never prolongs a session.
 */
export interface SessionStore {
  readonly name: string

  /** Adds a record if there is none of that id and the caps leave room, in one step. */
  create(record: SessionRecord, caps: StoreCaps): Promise<CreateOutcome>

  get(id: string): Promise<SessionRecord | undefined>

  /**
   * Moves idle deadlines, never backwards. Ids that are gone or ended are passed over. It changes
   * no version: a touch never makes a transition lose.
   */
  touch(touches: readonly Touch[]): Promise<void>

  /**
   * Writes the next version of a record: compare-and-set.
   *
   * @returns the new record, or undefined when there is none of that id or its version is another
   */
  update(id: string, version: number, changes: RecordChanges): Promise<SessionRecord | undefined>

  /** Forgets a record, whatever its state; idempotent. */
  remove(id: string): Promise<void>

  /**
   * Takes sessions of one host that are due (`lifetime.ts`) or whose end was begun and not
   * finished, for `leaseMs`; no other owner gets them meanwhile.
   */
  claimDue(options: ClaimOptions): Promise<SessionRecord[]>

  /** All records, tombstones included, in no order. */
  scan(): AsyncIterable<SessionRecord>

  /** Says that this host lives. */
  heartbeat(host: string): Promise<void>

  /**
   * Tells of every session that ends, whoever ends it, as soon as the store knows.
   *
   * @returns a function that ends the telling
   */
  subscribe(onEnded: (record: SessionRecord) => void): () => void

  /** Lets go of connections. No verb may be called afterwards. */
  close(): Promise<void>
}

export interface StoreCaps {
  maxSessions: number
  maxSessionsPerPrincipal: number
}

/** `full`: whose cap left no room; the principal's is looked at first. */
export type CreateOutcome = 'created' | 'exists' | 'principal-full' | 'gateway-full'

export interface Touch {
  id: string
  idleAtMs: number
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
    | 'liveAtMs'
    | 'idleAtMs'
    | 'end'
    | 'usage'
  >
>

export interface ClaimOptions {
  host: string
  limit: number
  owner: string
  leaseMs: number
}
