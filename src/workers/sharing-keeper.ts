import { GatewayError } from '../ground/errors.ts'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
import { removeFile } from '../ground/removal.ts'
import { spoken } from '../ground/spoken.ts'
import type { House, KeeperBoot } from '../keeper/protocol.ts'
import type { KeeperHostOptions, StartedKeeper } from './keeper-host.ts'
import { newSocket, startTimeoutMs } from './keeper-host.ts'
import type { KeeperEnd } from './keeper-process.ts'
import { spawnKeeper } from './keeper-process.ts'
import { removePipesOf } from './keeper-sockets.ts'

/** A keeper's process that keeps several workers, of this gateway's own. */
export interface SharingKeeper {
  /** How many it keeps, or is about to. */
  kept(): number
  /** How many it has been given so far. */
  given(): number
  isOver(): boolean
  /** Has it keep one more: resolves when that one's socket is listened on. */
  give(): Promise<StartedKeeper>
  /** Nothing more is given to it: it ends as soon as it keeps nothing. */
  retire(): void
  ended: Promise<KeeperEnd>
  /** Calls `fn` whenever one that it kept is over. */
  onLeft(fn: () => void): void
}

export interface SharingOptions extends Pick<KeeperHostOptions, 'runtimeDir' | 'logFile'> {
  /** Words before a keeper that dies with its gateway; none for one that does not. */
  prefix: string[]
  house: House
  /** Whether it, and what it keeps, lets this process end. */
  outlives: boolean
}

/** A line of a keeper is a path and a word or two. */
const saidLength = 8 * 1024

interface Given {
  listens(): void
  fail(why: string): void
  leave(end: KeeperEnd): void
}

const onFault = tellFault('hearing a keeper')

export function startSharingKeeper(options: SharingOptions): SharingKeeper {
  const { runtimeDir, logFile, prefix, house, outlives } = options
  const { child, ended, inItsWords } = spawnKeeper(prefix, logFile)
  const kept = new Map<string, Given>()
  let given = 0
  let isOver = false
  let left = (): void => undefined

  // Its end is told by `exit`.
  child.stdin?.on('error', () => undefined)
  child.stdout?.on('error', () => undefined)
  let said = ''
  child.stdout?.on(
    'data',
    guarded((chunk: Buffer) => {
      const lines = (said + chunk.toString('utf8')).split('\n')
      said = (lines.pop() ?? '').slice(0, saidLength)
      for (const line of lines) hear(line)
    }, onFault),
  )
  const over = ended.then((end) => {
    isOver = true
    if (child.pid !== undefined) removePipesOf(runtimeDir, child.pid)
    const how = end.signal ?? `exit code ${end.code ?? ''}`
    for (const each of [...kept.values()]) {
      each.fail(`it ended (${how})`)
      // It ends with code 0 when it keeps nothing; what it keeps still is not seen to.
      each.leave(end.code === 0 ? { ...end, code: 1 } : end)
    }
  })
  inBackground(over, onFault)
  if (outlives) letGo()

  function hear(line: string): void {
    const [word, ...rest] = line.split(' ')
    if (word === 'listening') kept.get(rest.join(' '))?.listens()
    else if (word === 'left') {
      const [code, ...path] = rest
      kept.get(path.join(' '))?.leave({ code: Number(code), signal: null })
    }
  }

  function letGo(): void {
    child.unref()
    for (const stream of [child.stdin, child.stdout]) {
      ;(stream as Partial<{ unref(): void }> | null)?.unref?.()
    }
  }

  return {
    kept: () => kept.size,
    given: () => given,
    isOver: () => isOver,
    async give() {
      const { socketPath, nonce } = newSocket(runtimeDir)
      let leave: Given['leave'] = () => undefined
      const gone = new Promise<KeeperEnd>((resolve) => {
        leave = (end) => {
          if (!kept.delete(socketPath)) return
          removeFile(socketPath)
          resolve(end)
          left()
        }
      })
      const listening = new Promise<void>((resolve, reject) => {
        const fail = (why: string): void => {
          clearTimeout(limit)
          reject(new GatewayError('ERR_WORKERS_KEEPER', { params: { why } }))
        }
        const late = (): void => fail(`it did not listen within ${spoken(startTimeoutMs)}`)
        const limit = setTimeout(guarded(late, reject), startTimeoutMs)
        const listens = (): void => {
          clearTimeout(limit)
          resolve()
        }
        kept.set(socketPath, { listens, fail, leave })
      })
      given += 1
      const boot: KeeperBoot = { socketPath, nonce, ownPidNamespace: false, house }
      child.stdin?.write(`${JSON.stringify(boot)}\n`)
      try {
        await listening
      } catch (cause) {
        leave({ code: null, signal: null })
        throw inItsWords(cause)
      }
      return {
        pid: child.pid ?? 0,
        init: undefined,
        socketPath,
        nonce,
        isShared: true,
        ended: gone,
        kill: () => child.kill('SIGKILL'),
        letGo: () => undefined,
      }
    },
    retire: () => void child.stdin?.end(),
    ended,
    onLeft: (fn) => (left = fn),
  }
}
