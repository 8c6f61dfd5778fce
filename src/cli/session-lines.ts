import { showSize } from '../ground/size.ts'
import { outputLine, plainLine } from '../ground/terminal.ts'
import type { SetLimit } from './limit-lines.ts'
import { limitTexts } from './limit-lines.ts'
import { tableLines } from './output.ts'

interface Usage {
  cpuMs?: number
  peakMemoryBytes?: number
  processes?: number
  writtenBytes?: number
}

/** A session as the admin API gives it. */
export interface SessionView {
  handle: string
  server: string
  principal: string
  state: string
  client?: string
  protocolVersion?: string
  driver?: string
  workerId: string
  pid?: number
  parent?: string
  reopened?: { was: string; reason: string; times: number }
  openedAt: string
  liveAt?: string
  idleEndsAt?: string
  maxEndsAt: string
  openExchanges: number
  counts?: Record<string, number>
  limits?: SetLimit[]
  usage?: Usage
  end?: { reason: string; at: string; message?: string; details?: Record<string, unknown> }
}

export function sessionTable(sessions: SessionView[]): string[] {
  const rows = inFamilies(sessions).map(({ session, isChild }) => [
    isChild ? `└ ${session.handle}` : session.handle,
    session.server,
    session.end === undefined ? session.state : `${session.state} (${session.end.reason})`,
    session.principal,
    session.client ?? '',
    session.pid === undefined ? '' : String(session.pid),
    ago(session.openedAt),
    String(session.openExchanges),
    session.idleEndsAt === undefined ? '' : until(session.idleEndsAt),
  ])
  const head = ['ID', 'SERVER', 'STATE', 'PRINCIPAL', 'CLIENT', 'PID', 'AGE', 'OPEN', 'IDLE END']
  // A server may be named, and a principal called, as anybody likes.
  return tableLines([head, ...rows.map((row) => row.map((cell) => plainLine(cell)))])
}

/** Those of a bundle's session stand below it. */
function inFamilies(
  sessions: readonly SessionView[],
): { session: SessionView; isChild: boolean }[] {
  const shown = new Set(sessions.map(({ handle }) => handle))
  const children = sessions.filter(({ parent }) => parent !== undefined && shown.has(parent))
  return sessions
    .filter((session) => !children.includes(session))
    .flatMap((session) => [
      { session, isChild: false },
      ...children
        .filter(({ parent }) => parent === session.handle)
        .map((child) => ({ session: child, isChild: true })),
    ])
}

export function sessionLines(session: SessionView): string[] {
  const { end, counts, usage, reopened } = session
  const { enforced, lacking } = limitTexts(session.limits ?? [])
  // The hint stands in the message, too.
  const { lastLines, oom, hint: _, ...details } = end?.details ?? {}
  const rows: [string, unknown][] = [
    ['session', session.handle],
    ['server', session.server],
    ['state', session.state],
    ['principal', session.principal],
    ['client', session.client],
    ['protocol', session.protocolVersion],
    ['driver', session.driver],
    ['worker', session.workerId],
    ['pid', session.pid],
    ['of the bundle session', session.parent],
    ['goes on for', reopened && `${reopened.was}, which ended: ${reopened.reason}`],
    ['opened', session.openedAt],
    ['live', session.liveAt],
    ['ends idle', session.idleEndsAt],
    ['ends at most', end === undefined ? session.maxEndsAt : undefined],
    ['open exchanges', end === undefined ? session.openExchanges : undefined],
    ['so far', counts === undefined ? undefined : countsText(counts)],
    ['limits', enforced],
    ...lacking.map((text): [string, unknown] => ['not enforced', text]),
    ['used', usage === undefined ? undefined : usageText(usage)],
    ['ended', end === undefined ? undefined : `${end.reason}, ${end.at}`],
    ['because', end?.message],
    ['out of memory', oom === true ? 'yes' : undefined],
    ...Object.entries(details).map(([name, value]): [string, unknown] => [inWords(name), value]),
  ]
  const shown = rows.flatMap(([name, value]) =>
    value === undefined || value === null ? [] : [[plainLine(name), plainLine(textOf(value))]],
  )
  return [...tableLines(shown), ...outputLines(lastLines)]
}

function outputLines(lines: unknown): string[] {
  if (!Array.isArray(lines) || lines.length === 0) return []
  return ['last lines of its output:', ...lines.map((line) => `  ${outputLine(String(line))}`)]
}

/** `exitCode` → `exit code` */
function inWords(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function countsText(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')
}

/** `1.25 s of CPU, at most 43.1MiB of memory, 7 processes, 12KiB written` */
function usageText({ cpuMs, peakMemoryBytes, processes, writtenBytes }: Usage): string {
  return [
    ...(cpuMs === undefined ? [] : [`${(cpuMs / 1000).toFixed(2)} s of CPU`]),
    ...(peakMemoryBytes === undefined ? [] : [`at most ${showSize(peakMemoryBytes)} of memory`]),
    ...(processes === undefined
      ? []
      : [`${processes} ${processes === 1 ? 'process' : 'processes'}`]),
    ...(writtenBytes === undefined ? [] : [`${showSize(writtenBytes)} written`]),
  ].join(', ')
}

export const ago = (iso: string): string => span(Date.now() - Date.parse(iso))
export const until = (iso: string): string =>
  `in ${span(Math.max(0, Date.parse(iso) - Date.now()))}`

function span(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}
