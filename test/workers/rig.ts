import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { systemClock } from '../../src/ground/clock.ts'
import type {
  Limits,
  LocalSpec,
  SandboxOptions,
  Worker,
  WorkerDriver,
} from '../../src/workers/driver.ts'
import { createProcessDriver } from '../../src/workers/drivers/process.ts'
import { createSandboxDriver } from '../../src/workers/drivers/sandbox.ts'
import { ownIdentity } from '../../src/workers/identity.ts'
import type { KeeperHost } from '../../src/workers/keeper-host.ts'
import { createKeeperHost } from '../../src/workers/keeper-host.ts'
import { createLimitGroups } from '../../src/workers/limits/groups.ts'
import type { PidNamespace } from '../../src/workers/pid-namespace.ts'
import { findHouse, findPidNamespace, withParent } from '../../src/workers/pid-namespace.ts'
import type { Ports } from '../../src/workers/ports.ts'
import { createPorts } from '../../src/workers/ports.ts'
import type { SharedKeepers } from '../../src/workers/shared-keepers.ts'
import { createSharedKeepers } from '../../src/workers/shared-keepers.ts'
import { prepareRuntimeDir } from '../../src/workers/runtime-dir.ts'
import type { Templates } from '../../src/workers/templates/templates.ts'
import { createNetworkKeepers, findOutbound } from '../../src/workers/sandbox/network.ts'
import { findSandbox } from '../../src/workers/sandbox/probe.ts'
import { cacheDirOf } from '../needs/cache.ts'
import { atEnd } from '../support/at-end.ts'
import { compiled, noSandbox } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { longEnoughMs } from '../support/patience.ts'
import type { ProcessEntry } from '../support/processes.ts'
import { processesWith } from '../support/processes.ts'
import type { RawResponse } from '../support/raw-http.ts'
import * as raw from '../support/raw-mcp.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'

const sharedByDefault = Number(process.env['TEST_SESSIONS_PER_KEEPER'] ?? 1)

/** What a machine without PID namespaces has. */
export const noNamespace: PidNamespace = {
  prefix: [],
  enter: [],
  own: false,
  why: 'the test wants none',
}

/** As `probe()` finds it here. */
export const foundNamespace = await findPidNamespace(true)

/** The same for workers that outlive their gateway. */
export const outlivingNamespace = await findPidNamespace(false)

/** What there is here for sandboxes; what the tests have fetched is at the end of PATH. */
const searchPath = process.env['PATH'] ?? ''
const foundHouse = await findHouse(foundNamespace, searchPath)
const projectDir = join(import.meta.dirname, '..', '..', '..')
const folder = join(cacheDirOf(projectDir, process.env), 'sandbox')
mkdirSync(folder, { recursive: true })
export const foundSandbox = {
  support: await findSandbox({ namespace: foundNamespace, folder, searchPath }),
  outbound: findOutbound(searchPath),
}

/** Control groups are named after it. */
export const newInstallation = (): string => randomBytes(16).toString('hex')

/** To be given to `skip`: false, or why there is nothing to be tested here. */
export const skipWithoutNamespace = foundNamespace.own
  ? false
  : `no PID namespaces here: ${foundNamespace.why}`

export const skipWithoutSandbox = foundSandbox.support.available
  ? false
  : `no sandbox here: ${foundSandbox.support.why}`

export const skipWithoutOutbound = foundSandbox.outbound.available
  ? false
  : `no network that leads out: ${foundSandbox.outbound.why}`

export interface SpecOptions extends Partial<Omit<LocalSpec, 'kind' | 'launch'>> {
  http?: boolean
  relay?: boolean
  port?: number
  path?: string
  /** Default: as the rig has it. */
  sessionsPerKeeper?: number
  limits?: Limits
  sandbox?: Partial<SandboxOptions>
}

/** The driver `process` with real keepers, in folders of the test's own. */
export interface Rig {
  driver: WorkerDriver
  keepers: KeeperHost
  /** Undefined where there can be none. */
  sharedKeepers: SharedKeepers | undefined
  stateDir: string
  markerDir: string
  runtimeDir: string
  warnings: string[]
  /** Stands in the environment of every process of every worker of this rig. */
  mark: string
  /** A worker of this command; `tells-who.js` is a fixture, run by this Node. */
  spec(words: string[], options?: SpecOptions): LocalSpec
  /** Starts a worker that is stopped after the test. */
  start(words: string[], options?: SpecOptions): Promise<Worker>
  startSpec(spec: LocalSpec): Promise<Worker>
  /** Processes of workers that run now. */
  running(): ProcessEntry[]
  /** Settles when no process of a worker is left, and no marker. */
  nothingLeft(): Promise<void>
}

export interface RigOptions {
  /** Default: 1, or what TEST_SESSIONS_PER_KEEPER says. */
  sessionsPerKeeper?: number
  /** Default `process`. */
  isolation?: 'process' | 'sandbox'
  namespace?: PidNamespace
  /** For workers that outlive their gateway, unless their own specification says otherwise. */
  outlives?: NonNullable<LocalSpec['outlives']>
  installation?: string
  /** Words before a keeper that is shared. */
  keeperPrefix?: string[]
  spares?: number
  ports?: Ports
  stateDir?: string
  /** Closed after the test. */
  templates?(here: { runtimeDir: string; namespace: PidNamespace }): Templates
}

export function startRig(t: Owner, options: RigOptions = {}): Rig {
  const {
    outlives,
    stateDir = tempDir(t),
    sessionsPerKeeper: usualRoom = sharedByDefault,
  } = options
  const { namespace = outlives === undefined ? foundNamespace : outlivingNamespace } = options
  if (outlives !== undefined) {
    // They do not keep this process alive, and a test that waits for their end needs it.
    const awake = setInterval(() => undefined, 60_000)
    atEnd(t, () => clearInterval(awake))
  }
  const markerDir = join(stateDir, 'workers')
  const runtimeDir = prepareRuntimeDir(stateDir)
  const mark = `BERTH_TEST_MARK=${randomBytes(8).toString('hex')}`
  const [name = '', value = ''] = mark.split('=')
  const warnings: string[] = []
  const started: Worker[] = []
  const keeping = {
    clock: systemClock,
    runtimeDir,
    logFile: join(stateDir, 'keepers.log'),
    namespace,
    spares: options.spares ?? 0,
  }
  const keepers = createKeeperHost(keeping)
  const sharedKeepers =
    foundHouse === undefined || !namespace.own
      ? undefined
      : createSharedKeepers({
          ...keeping,
          house: foundHouse,
          prefix: [...(outlives === undefined ? withParent : []), ...(options.keeperPrefix ?? [])],
          outlives: outlives !== undefined,
        })
  const { support, outbound } = foundSandbox
  const slirp = outbound.available ? outbound.slirp : undefined
  const networkKeepers = support.available
    ? createNetworkKeepers(keeping, { tools: { bwrap: support.tools.bwrap, slirp }, wanted: [] })
    : undefined
  const installation = options.installation ?? randomBytes(8).toString('hex')
  const create = options.isolation === 'sandbox' ? createSandboxDriver : createProcessDriver
  const templates = options.templates?.({ runtimeDir, namespace })
  const driver = create({
    clock: systemClock,
    ...(templates === undefined ? {} : { templates }),
    keepers,
    sharedKeepers,
    networkKeepers,
    support,
    outbound,
    stateDir,
    namespace,
    ports: options.ports ?? createPorts(systemClock, 10_000),
    limitGroups: createLimitGroups({ installation }),
    markerDir,
    owner: ownIdentity(),
    installation,
    store: 'memory',
    warn: (server, message) => warnings.push(`${server}: ${message}`),
  })

  const spec: Rig['spec'] = (words, specOptions = {}) => {
    const { http = false, relay = false, port, path = '/mcp', env, ...more } = specOptions
    const { limits = {}, sandbox = {}, sessionsPerKeeper = usualRoom, ...rest } = more
    const [first = '', ...args] = words
    const isFixture = /^[\w-]+\.js$/.test(first)
    const workerId = randomBytes(8).toString('hex')
    const directory = join(stateDir, workerId)
    const workspace = join(directory, 'workspace')
    for (const folder of [directory, workspace]) mkdirSync(folder, { mode: 0o700 })
    return {
      kind: 'local',
      workerId,
      session: workerId.slice(0, 8),
      server: 'fixture',
      launch: {
        kind: 'local',
        shown: words.join(' '),
        command: isFixture ? process.execPath : first,
        args: isFixture ? [compiled(`test/fixtures/workers/${first}`), ...args] : args,
        transport: http || relay ? 'http' : 'stdio',
        ...(port === undefined ? {} : { port }),
        path,
        relay,
        sessionsPerKeeper,
        limits,
        sandbox: { ...noSandbox, ...sandbox },
      },
      directory,
      cwd: workspace,
      env: { PATH: searchPath, BERTH_WORKSPACE: workspace, [name]: value, ...env },
      outputMaxBytes: 1024 * 1024,
      startTimeoutMs: longEnoughMs,
      ...(outlives === undefined ? {} : { outlives }),
      ...rest,
    }
  }
  const running = (): ProcessEntry[] => processesWith(mark)
  const nothingLeft = (): Promise<void> =>
    eventually(() => {
      const left = [...running().map(({ pid }) => `process ${pid}`), ...readdirSync(markerDir)]
      if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`)
    })

  const startSpec = async (local: LocalSpec): Promise<Worker> => {
    const worker = await driver.start(local, new AbortController().signal)
    started.push(worker)
    return worker
  }

  atEnd(t, async () => {
    await Promise.all(started.map((worker) => worker.stop({ graceMs: 0 })))
    await Promise.all([keepers.close(), sharedKeepers?.close()])
    await Promise.all([networkKeepers?.close(), templates?.close()])
    await nothingLeft()
  })
  return {
    driver,
    keepers,
    sharedKeepers,
    stateDir,
    markerDir,
    runtimeDir,
    warnings,
    mark,
    spec,
    running,
    nothingLeft,
    startSpec,
    start: (words, specOptions) => startSpec(spec(words, specOptions)),
  }
}

/** POSTs one message straight to a worker, as the data path does. */
export function post(worker: Worker, message: object, sessionId?: string): Promise<RawResponse> {
  return raw.post(targetOf(worker), message, sessionId)
}

/** Opens the MCP session of a worker; its id goes with every further call. */
export const open = (worker: Worker): Promise<string> => raw.openSession(targetOf(worker))

/** Calls a tool of a worker and gives its value. */
export function call<T = unknown>(
  worker: Worker,
  sessionId: string,
  name: string,
  args: Record<string, unknown> = {},
): Promise<T> {
  return raw.callTool<T>(targetOf(worker), sessionId, name, args)
}

function targetOf({ endpoint }: Worker): raw.Target {
  const { origin, path, host, headers, socketPath } = endpoint
  const at = socketPath === undefined ? {} : { socketPath }
  return { url: new URL(path, origin), headers: { ...headers, host }, ...at }
}

/** What a worker has written so far. */
export function outputOf({ directory }: LocalSpec): string {
  return readFileSync(join(directory, 'output.log'), 'utf8')
}

export { messageOf } from '../support/raw-mcp.ts'
