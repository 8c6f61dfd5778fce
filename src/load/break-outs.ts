import { setTimeout as sleep } from 'node:timers/promises'

import type { Session } from './client/session.ts'
import type { Attempt, AttemptOutcome, Containment } from './containment.ts'
import { aside } from './drive/aside.ts'
import type { User } from './drive/plan.ts'
import type { Planted } from './probes/canary.ts'

type Targets = Partial<Record<string, string | number | (string | number)[]>>

/** A way of isolating workers, behind an endpoint with the isolation probe. */
export interface Column {
  name: string
  url: URL
  /** Whether what takes all that it can get is tried, too: only where limits hold it. */
  isLimited: boolean
  /** Whether a file has come into being outside, by those who can look. */
  isThere?(file: string): boolean
  /** What else the attacker is sent after, by those who know what is there. */
  targetsOf?(ids: { attacker: string; victim: string }): Promise<Targets>
}

const greedy = ['fork-bomb', 'fill-disk', 'fill-memory', 'burn-cpu']
const attemptMs = 60_000
const goneWithinMs = 5000
const mib = 1024 ** 2

/** Sends one session after the other, in every way that the probe knows, for each column. */
export async function tryBreakOuts(
  columns: readonly Column[],
  options: { user: User; signal: AbortSignal; onColumn(name: string): void },
): Promise<Omit<Containment, 'required'>> {
  const rows = new Map<string, Containment['rows'][number]>()
  for (const column of columns) {
    options.signal.throwIfAborted()
    options.onColumn(column.name)
    await inSessions(column, options.user, async (attacker, victim) => {
      const planted = (await call(victim, 'plant')) as Planted
      const ids = { attacker: attacker.id ?? '', victim: victim.id ?? '' }
      const targets = merge(targetsOf(planted), (await column.targetsOf?.(ids)) ?? {})
      for (const { name, about } of inOrder(await listed(attacker))) {
        if (options.signal.aborted) return
        const row = rows.get(name) ?? { name, about, attempts: {} }
        rows.set(name, row)
        const tried = await attempt(attacker, name, column, targets[name])
        row.attempts[column.name] =
          name === 'write-shared' ? await whereItWent(tried, victim, column, targets[name]) : tried
      }
    })
  }
  return { columns: columns.map(({ name }) => name), rows: [...rows.values()] }
}

async function listed(session: Session): Promise<{ name: string; about: string }[]> {
  const { attempts } = (await call(session, 'attempts')) as {
    attempts: { name: string; about: string }[]
  }
  return attempts
}

/** The one that ends its session last. */
function inOrder<T extends { name: string }>(attempts: readonly T[]): T[] {
  const ends = ({ name }: T): boolean => name === 'fill-memory'
  return [...attempts.filter((one) => !ends(one)), ...attempts.filter(ends)]
}

/** A worker may write there; what counts is where that goes. */
async function whereItWent(
  tried: Attempt,
  victim: Session,
  column: Column,
  target: Targets[string],
): Promise<Attempt> {
  const [file] = [target ?? []].flat()
  if (tried.outcome !== 'got-through' || file === undefined) return tried
  const seen = await attempt(victim, 'read-session', column, file)
  if (!seen.how.startsWith('ENOENT') || column.isThere?.(String(file)) === true) return tried
  return { outcome: 'stopped', how: 'what it wrote stayed in its own copy' }
}

async function attempt(
  session: Session,
  name: string,
  column: Column,
  target: Targets[string],
): Promise<Attempt> {
  if (greedy.includes(name) && !column.isLimited) {
    return { outcome: 'not-tried', how: 'without limits it would take from everybody' }
  }
  const args = { name, ...(target !== undefined && { target }) }
  const outcome = await session.request('tools/call', { name: 'attempt', arguments: args }).outcome
  if (outcome.ok) {
    const { structuredContent } = outcome.result as { structuredContent?: Attempt }
    return structuredContent ?? { outcome: 'not-tried', how: 'the probe did not say' }
  }
  // Being killed for it is no answer, but the end of the session.
  const isEnd = name === 'fill-memory' && (await isGone(session))
  const how = isEnd
    ? `its session was ended (${outcome.code})`
    : `it was not answered: ${outcome.code}`
  return { outcome: isEnd ? 'stopped' : ('not-tried' satisfies AttemptOutcome), how }
}

async function isGone(session: Session): Promise<boolean> {
  const untilMs = performance.now() + goneWithinMs
  while (performance.now() < untilMs) {
    if ((await session.knock('POST')).status === 404) return true
    await sleep(100)
  }
  return false
}

function targetsOf(planted: Planted): Targets {
  const { workspace, workspaceFile, temporaryFile, socket, abstractSocket } = planted
  const process = `${planted.pid}:${planted.start ?? ''}`
  return {
    'read-session': [workspace, workspaceFile, temporaryFile],
    'write-session': [workspace, workspaceFile],
    'look-at-processes': [process],
    'read-memory': [process],
    'signal-process': [process],
    'trace-process': [process],
    'connect-socket': socket === null ? [] : [socket],
    'connect-port': [planted.port],
    ...(abstractSocket !== null && { 'connect-abstract': [abstractSocket] }),
    'fill-disk': [128 * mib],
  }
}

function merge(ours: Targets, theirs: Targets): Targets {
  const merged = { ...ours }
  for (const [name, target] of Object.entries(theirs)) {
    merged[name] = [ours[name] ?? [], target ?? []].flat()
  }
  return merged
}

async function inSessions(
  { url }: Column,
  { headers }: User,
  use: (attacker: Session, victim: Session) => Promise<void>,
): Promise<void> {
  await aside({ url, headers, timeoutMs: attemptMs, sessions: 2 }, async (sessions) => {
    for (const session of sessions) {
      const opened = await session.open()
      if (!opened.ok) throw new Error(`${url.href} does not open a session: ${opened.code}.`)
    }
    const [attacker, victim] = sessions as [Session, Session]
    await use(attacker, victim)
  })
}

async function call(session: Session, name: string): Promise<unknown> {
  const outcome = await session.request('tools/call', { name, arguments: {} }).outcome
  if (!outcome.ok) throw new Error(`The probe did not answer ${name}: ${outcome.code}.`)
  return (outcome.result as { structuredContent: unknown }).structuredContent
}
