import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeFolder } from '../ground/removal.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { createAdmin } from '../load/chaos/admin.ts'
import { messageOf } from '../ground/errors.ts'
import type { Column } from '../load/break-outs.ts'
import { commandOf, memoryOf, nameOf, startOf, treeOf } from '../load/processes.ts'
import type { AdminAccess, User } from '../load/drive/plan.ts'
import { newLocalUsers } from './load-users.ts'

/** A Berth of the load test's own, in a process of its own, with the probe behind it. */
export interface OwnBerth {
  url: URL
  admin: AdminAccess
  /** With tokens of an issuer of its own; if none were wanted, one who needs none. */
  users: User[]
  /** How the workers of the load are isolated. */
  isolation: string
  /** Why it is not better isolated. */
  note: string | undefined
  /** All ways of isolating them that work here. */
  columns: Column[]
  memoryPerSession(sessions: number): number | null
  close(): Promise<void>
}

/** How a server of the load test is isolated, by the name of its column. */
export const isolations = {
  process: { isolation: 'process' },
  sandbox: { isolation: 'sandbox' },
  'sandbox, private network': { isolation: 'sandbox', network: 'private', outbound: false },
} as const
export type Isolation = keyof typeof isolations

const probe = fileURLToPath(new URL('../load/probes/isolation-probe.js', import.meta.url))
const overStdio = { command: process.execPath, args: [probe], graceMs: 1000 }
/** A private network is for servers that listen. */
const overHttp = { ...overStdio, args: [probe, '--http'], transport: 'http' }
const main = fileURLToPath(new URL('own-gateway.js', import.meta.url))
const limits = { memory: '512MiB', cpus: 1, pids: 256, openFiles: 1024 }
const startMs = 60_000
const endingMs = 60_000

/** What it has to be ready for. */
export interface Wanted {
  sessions: number
  /** Whether all ways of isolating workers are offered, to be compared. */
  isCompared: boolean
  /** So many users with a token each; undefined: whoever comes. */
  users: number | undefined
  /** How long their tokens have to be good. */
  durationMs: number
  /** Whether the load goes through a bundle of three probes. */
  isBundle: boolean
}

const bundled = ['load', 'load2', 'load3']
/** What stands before the names of each server of the bundle. */
export const bundlePrefixes = bundled.map((name) => `${name}_`)

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Starts it with as much as this machine can do.
 *
 * @param wanted how the load's own workers are isolated; default: as well as can be
 * @throws an error with what the gateway said when it cannot be started so
 */
export async function startOwnBerth(
  env: Environment,
  options: Wanted & { wanted: Isolation | undefined },
): Promise<OwnBerth> {
  const { wanted, isCompared } = options
  const isolation = wanted ?? 'sandbox'
  const offered = isCompared ? (Object.keys(isolations) as Isolation[]) : [isolation]
  try {
    return await start(env, offered, isolation, options)
  } catch (error) {
    if (wanted !== undefined && (wanted !== 'process' || !isCompared)) throw error
    // There is no sandbox to be had here.
    const note = messageOf(error).replace(/^[^]* cannot be had here: /, '')
    return { ...(await start(env, ['process'], 'process', options)), note }
  }
}

async function start(
  env: Environment,
  offered: readonly Isolation[],
  isolation: Isolation,
  wanted: Wanted,
): Promise<OwnBerth> {
  const root = mkdtempSync(join(tmpdir(), 'load-'))
  const project = join(root, 'project')
  const stateDir = join(root, 'state')
  mkdirSync(project)
  const file = join(project, 'berth.json')
  writeFileSync(file, JSON.stringify(configurationOf(offered, isolation, wanted)))
  const users = await usersFor(stateDir, wanted).catch((error: unknown) => {
    removeFolder(root)
    throw error
  })
  const words = ['serve', '--config', file, '--state-dir', stateDir, '--log-level', 'error']
  const child = spawn(
    process.execPath,
    [main, ...words, '--listen-port', '0', '--admin-port', '0'],
    { cwd: project, env: plain(env), stdio: ['pipe', 'ignore', 'pipe'], detached: true },
  )
  const close = async (): Promise<void> => {
    await end(child)
    removeFolder(root)
  }
  // At once where it can be; whatever else ends this process is seen by that one (own-gateway.ts).
  process.once('exit', () => child.kill('SIGKILL'))
  try {
    const { url, adminUrl, token } = await listening(child, join(stateDir, 'gateways'))
    const admin = { url: adminUrl, token }
    const pid = child.pid ?? 0
    const ports = [url, adminUrl].map((each) => Number(new URL(each).port))
    return {
      url: new URL(wanted.isBundle ? '/bundles/all/mcp' : '/servers/load/mcp', url),
      admin,
      users,
      isolation,
      note: undefined,
      columns: offered.map((name) => ({
        name,
        url: new URL(`/servers/${serverOf(name)}/mcp`, url),
        isLimited: true,
        isThere: existsSync,
        targetsOf: async ({ attacker, victim }) => {
          const { pidOf } = createAdmin(admin)
          const [own, its] = await Promise.all([pidOf(attacker), pidOf(victim)])
          const others = [nameOf(pid), nameOf(its)].filter((one) => one !== undefined)
          return {
            'write-shared': [join(project, `${serverOf(name)}.txt`)],
            'read-hidden': [file],
            'read-state': secretsIn(stateDir, pid),
            'look-at-processes': others,
            'read-memory': others,
            'signal-process': others,
            'trace-process': others,
            'read-keeper': keeperStartsOf(own),
            'connect-port': ports,
          }
        },
      })),
      memoryPerSession: (open) => memoryByEach(pid, open),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function usersFor(stateDir: string, { users, durationMs }: Wanted): Promise<User[]> {
  if (users === undefined) return [{ name: 'anybody', headers: {} }]
  return newLocalUsers(stateDir, users, durationMs)
}

function secretsIn(stateDir: string, pid: number): string[] {
  const paths = [`gateways/${pid}.json`, 'identity/issuer.json', 'workers']
  return paths.map((path) => join(stateDir, path)).filter((path) => existsSync(path))
}

const serverOf = (isolation: Isolation): string => `probe-${isolation.replaceAll(/\W+/g, '-')}`

function serverFor(isolation: Isolation): object {
  const kind = isolations[isolation]
  return { ...('network' in kind ? overHttp : overStdio), ...kind }
}

function configurationOf(
  offered: readonly Isolation[],
  isolation: Isolation,
  { sessions, users, isBundle }: Wanted,
): object {
  // One of the bundle, and one of each of its servers.
  const each = isBundle ? bundled.length + 1 : 1
  const probes = offered.map((name) => {
    const kind = isolations[name]
    const disk = kind.isolation === 'sandbox' ? { disk: '64MiB' } : {}
    return [serverOf(name), { ...serverFor(name), limits: { ...limits, ...disk } }]
  })
  return {
    ...(isBundle ? { bundles: { all: { servers: bundled } } } : {}),
    mcpServers: {
      ...Object.fromEntries(
        (isBundle ? bundled : ['load']).map((name) => [name, serverFor(isolation)]),
      ),
      ...(Object.fromEntries(probes) as object),
    },
    // Sessions that were abandoned are still there for a while.
    maxSessions: each * sessions * 4 + 100,
    maxSessionsPerPrincipal: each * sessions * 4 + 100,
    maxQueued: each * sessions + 100,
    ...(users !== undefined && { authorizerConfiguration: 'local' }),
  }
}

/** Settings of the user's own gateway are not meant for this one. */
function plain(env: Environment): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('BERTH_')))
}

interface Identity {
  url: string
  adminUrl: string
  token: string
}

async function listening(child: ChildProcess, folder: string): Promise<Identity> {
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (said += chunk).slice(-10_000))
  const untilMs = performance.now() + startMs
  while (performance.now() < untilMs) {
    if (child.exitCode !== null || child.signalCode !== null) break
    // The last line of its banner; only then is everything probed.
    if (/^\s*Watch:/m.test(said)) {
      const text = readFileSync(join(folder, `${child.pid ?? 0}.json`), 'utf8')
      return JSON.parse(text) as Identity
    }
    await sleep(20)
  }
  throw new Error(`Berth could not be started for the test: ${said.trim() || 'it said nothing'}`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), endingMs)
  await exited
  clearTimeout(late)
}

/** The keeper is the first Node of its worker. */
function keeperStartsOf(pid: number | undefined): string[] {
  if (pid === undefined) return []
  const keeper = treeOf(pid).find((each) => commandOf(each).startsWith(`${process.execPath} `))
  return keeper === undefined ? [] : [startOf(keeper) ?? '']
}

function memoryByEach(pid: number, sessions: number): number | null {
  const bytes = memoryOf(treeOf(pid))
  return bytes === 0 || sessions === 0 ? null : bytes / sessions
}
