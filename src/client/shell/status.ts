import type { LoggingLevel } from '@modelcontextprotocol/sdk/types.js'

import { plainLine } from '../../ground/terminal.ts'
import type { OpenSession } from './live.ts'

export interface Status {
  sessionId: string | null
  handle: string | null
  server: string
  serverVersion: string | null
  protocolVersion: string | null
  openedAt: string
  isOlder: boolean
  idleSeconds: number
  calls: number
  failedCalls: number
  logLevel: LoggingLevel | null
  pingMs: number
}

export function statusOf(
  session: OpenSession,
  level: LoggingLevel | undefined,
  pingMs: number,
): Status {
  const { connection, handle, openedAtMs, isOlder, lastAtMs, calls, failedCalls } = session
  const { agreed, sessionId, serverName } = connection
  return {
    sessionId: sessionId ?? null,
    handle: handle ?? null,
    server: serverName,
    serverVersion: agreed?.server.version ?? null,
    protocolVersion: agreed?.protocolVersion ?? null,
    openedAt: new Date(openedAtMs).toISOString(),
    isOlder,
    idleSeconds: Math.round((Date.now() - lastAtMs) / 1000),
    calls,
    failedCalls,
    logLevel: level ?? null,
    pingMs: Math.round(pingMs),
  }
}

export function statusLines(status: Status): string[] {
  const { handle, sessionId, server, serverVersion, protocolVersion, openedAt } = status
  const openMs = Date.now() - Date.parse(openedAt)
  const open = status.isOlder ? `here for ${span(openMs)}, opened elsewhere` : span(openMs)
  const failed = status.failedCalls === 0 ? '' : `, ${status.failedCalls} of them failed`
  const rows: [string, string | undefined][] = [
    ['session', sessionId === null ? 'the server keeps none' : `${handle ?? ''} (${sessionId})`],
    ['server', `${server}${serverVersion === null ? '' : ` ${serverVersion}`}`],
    ['protocol', protocolVersion ?? undefined],
    ['open', open],
    ['waits', `for your next command, idle for ${span(status.idleSeconds * 1000)}`],
    ['calls', `${status.calls}${failed}`],
    ['messages', status.logLevel === null ? undefined : `from level ${status.logLevel} on`],
    ['ping', `answered in ${status.pingMs} ms`],
  ]
  return rows.flatMap(([name, text]) =>
    text === undefined ? [] : [`${name.padEnd(10)}${plainLine(text)}`],
  )
}

function span(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
