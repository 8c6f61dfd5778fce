import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { GatewayError } from '../ground/errors.ts'
import { guarded } from '../ground/guarded.ts'
import { openOwnLog } from '../ground/own-files.ts'
import { saysOutOfRoom } from '../ground/room.ts'

/** How a keeper ended. With code 0 it has left nothing of its tree behind. */
export interface KeeperEnd {
  code: number | null
  signal: string | null
}

/** A keeper's process, before anything is said to it. */
export interface KeeperProcess {
  child: ChildProcess
  ended: Promise<KeeperEnd>
  /** What a keeper, or what starts it, has said of too little room tells why it ended. */
  inItsWords(thrown: unknown): unknown
}

const main = fileURLToPath(new URL('../keeper/main.js', import.meta.url))

/**
 * No flags of V8: with any, node compiles its own modules anew instead of taking them from its
 * cache, which is an eighth of the start of a keeper. It keeps its heap small by itself.
 */
const nodeFlags = ['--no-warnings']

/** A keeper says something when it cannot start, and for want of room thousands may. */
const logAtMost = 1024 * 1024

/** @param prefix words that stand before it */
export function spawnKeeper(prefix: string[], logFile: string): KeeperProcess {
  const words = [...prefix, process.execPath, ...nodeFlags, main]
  const [command = process.execPath, ...args] = words
  const log = openOwnLog(logFile)
  if (fstatSync(log).size > logAtMost) ftruncateSync(log)
  const logged = fstatSync(log).size
  const child = spawn(command, args, {
    cwd: '/',
    // Nothing of the gateway's: what the server gets stands in its specification.
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    // A session of its own, so that Ctrl-C at the terminal reaches the gateway alone.
    detached: true,
    stdio: ['pipe', 'pipe', log],
  })
  closeSync(log)
  const ended = new Promise<KeeperEnd>((resolve) => {
    const settle = (code: number | null, signal: string | null): void => resolve({ code, signal })
    const failed = (): void => resolve({ code: null, signal: null })
    child.once('exit', guarded(settle, failed))
    child.once(
      'error',
      guarded(() => settle(null, null), failed),
    )
  })
  return { child, ended, inItsWords: (thrown) => inItsWords(thrown, logFile, logged) }
}

function inItsWords(thrown: unknown, logFile: string, from: number): unknown {
  if (!(thrown instanceof GatewayError)) return thrown
  const said = readFrom(logFile, from)
    .split('\n')
    .find((line) => saysOutOfRoom(line))
  // Node.js aborts when it gets no thread, and does not always come to say so.
  const isAborted = /SIGABRT|exit code 134/.test(thrown.message)
  if (said === undefined && !isAborted) return thrown
  const cause = Object.assign(new Error((said ?? 'it was aborted').slice(0, 200)), {
    code: 'EAGAIN',
  })
  const why = 'there was no room to start it'
  return new GatewayError('ERR_WORKERS_KEEPER', { params: { why }, cause })
}

function readFrom(file: string, position: number): string {
  try {
    const fd = openSync(file, 'r')
    try {
      const buffer = Buffer.alloc(16 * 1024)
      return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, position))
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
}
