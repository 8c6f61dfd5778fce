import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'

import type { BreakOutName, Target, Tried } from '../../../src/load/probes/break-outs.ts'
import { startOf } from '../../../src/load/probes/break-outs/processes.ts'
import type { Planted } from '../../../src/load/probes/canary.ts'
import type { Limits, LocalSpec, Worker } from '../../../src/workers/driver.ts'
import { createLimitGroups } from '../../../src/workers/limits/groups.ts'
import type { PidNamespace } from '../../../src/workers/pid-namespace.ts'
import { atEnd } from '../../support/at-end.ts'
import { compiled } from '../../support/config.ts'
import { commandOf, descendants } from '../../support/processes.ts'
import type { Owner } from '../../support/temp.ts'
import { tempDir } from '../../support/temp.ts'
import type { Rig, RigOptions, SpecOptions } from '../rig.ts'
import { foundNamespace, messageOf, open, post, startRig } from '../rig.ts'
import { startForkRig } from '../templates/fork-rig.ts'
import type { Column } from './expected.ts'

export const mib = 1024 ** 2

export const limits = {
  memoryBytes: 512 * mib,
  cpus: 1,
  pids: 256,
  diskBytes: 64 * mib,
  openFiles: 1024,
}

/** The worker of one session, with the isolation probe in it. */
export interface Probe {
  worker: Worker
  spec: LocalSpec
  attempt(name: BreakOutName, target?: Target): Promise<Tried>
  plant(): Promise<Planted>
}

/** Everything that stands around the workers of one column, to be attacked by one of them. */
export interface Stage {
  attacker: Probe
  victim: Probe
  /** A further worker of the same kind. */
  start(limits?: Limits): Promise<Probe>
  /** What the attacker is sent after; the others have a default or none. */
  targets: Partial<Record<BreakOutName, Target>>
  /** Folders that the attacker tries to fill: with a wall, all that it may write to. */
  disks: string[]
  /** How often a worker had to wait for its share of the cores. */
  throttled(probe: Probe): number
}

/** As they are by default: the attacker and its victim share a keeper where they can. */
const sessionsPerKeeper = 8
const kinds: Record<Column, { rig: RigOptions; spec: SpecOptions }> = {
  process: { rig: { sessionsPerKeeper }, spec: {} },
  sandbox: { rig: { isolation: 'sandbox', sessionsPerKeeper }, spec: {} },
  'sandbox, private network': {
    rig: { isolation: 'sandbox' },
    spec: { http: true, sandbox: { network: 'private', outbound: false } },
  },
}

/** What a sandbox may have of its own beside what it is given. */
const ownDisks = ['/tmp', '/var/tmp', '/dev', '/dev/shm', '/run', '/var', '/']

/** What a template has loaded; a fork becomes the probe, with all that it stands in. */
const becomesProbe = 'import os, sys\nos.execv(sys.argv[1], sys.argv[1:])\n'

/** @param python the workers are forked from a template of it */
export async function startStage(t: Owner, column: Column, python?: string): Promise<Stage> {
  const kind = kinds[column]
  const stateDir = tempDir(t)
  const namespace = leavingOpen(stateDir)
  const installation = randomBytes(8).toString('hex')
  const own = { ...kind.rig, stateDir, namespace, installation }
  const forking = python === undefined ? undefined : startForkRig(t, python, own)
  await forking?.ready()
  const rig = forking ?? startRig(t, own)
  const home = homeWithSecrets(tempDir(t))
  const project = projectWithSecrets(tempDir(t))
  const words = [process.execPath, compiled('src/load/probes/isolation-probe.js')]
  if (kind.spec.http === true) words.push('--http')
  if (python !== undefined) {
    writeFileSync(join(project.folder, 'server.py'), becomesProbe)
    words.unshift(python, 'server.py')
  }

  const start = async (own: Limits = limits, isWarm = false): Promise<Probe> => {
    const spec = rig.spec(words, {
      ...kind.spec,
      ...(isWarm ? { isWarm } : {}),
      limits: own,
      cwd: project.folder,
      sandbox: { ...kind.spec.sandbox, hidden: project.secrets },
    })
    const tmp = join(spec.directory, 'tmp')
    mkdirSync(tmp, { mode: 0o700 })
    return startProbe(rig, { ...spec, env: { ...spec.env, HOME: home.folder, TMPDIR: tmp } })
  }
  // It has waited for its session, and has one since; that opens no way to another.
  const [attacker, victim] = await Promise.all([start(limits, true), start()])
  if (forking !== undefined)
    assert.deepEqual(forking.outcomes, ['forked', 'forked'], String(forking.said))
  const [planted, gateway] = await Promise.all([victim.plant(), playGateway(t, rig)])
  const groups = createLimitGroups({ installation })
  const { env } = attacker.spec
  const others = [`${planted.pid}:${planted.start ?? ''}`, ...gateway.processes(planted.start)]
  return {
    attacker,
    victim,
    start: (own) => start(own),
    disks:
      column === 'process'
        ? [env['TMPDIR'] ?? '']
        : [...ownDisks, home.folder, project.folder, env['BERTH_WORKSPACE'] ?? ''],
    throttled: ({ spec }) => groups.find(spec.workerId)?.throttled() ?? 0,
    targets: {
      'read-session': [
        ...[planted.workspace, planted.workspaceFile, planted.temporaryFile],
        ...[victim.spec.directory, join(victim.spec.directory, 'output.log')],
      ],
      'write-session': [planted.workspace, planted.workspaceFile, victim.spec.directory],
      'write-shared': join(project.folder, 'shared.txt'),
      'read-hidden': project.secrets,
      'read-state': gateway.files,
      'read-home': home.secrets,
      'look-at-processes': others,
      'read-memory': others,
      'signal-process': others,
      'trace-process': others,
      'read-keeper': keeperStartOf(attacker),
      'find-nonce': Object.values(attacker.worker.endpoint.headers),
      'connect-socket': [...gateway.sockets, planted.socket ?? ''],
      'connect-port': [gateway.port, planted.port],
      'connect-abstract': [gateway.abstractSocket, planted.abstractSocket ?? ''],
    },
  }
}

/** A folder of the gateway that whoever started it has left open, by a number that Node lets be. */
function leavingOpen(folder: string): PidNamespace {
  const { prefix, enter } = foundNamespace
  const bash = '/bin/bash'
  if (!existsSync(bash)) return foundNamespace
  const leaving = [bash, '-c', 'exec 40<"$0"; exec "$@"', folder]
  return {
    ...foundNamespace,
    prefix: [...leaving, ...prefix],
    enter: [...leaving, ...enter],
  }
}

async function startProbe(rig: Rig, spec: LocalSpec): Promise<Probe> {
  const worker = await rig.startSpec(spec)
  if (spec.isWarm === true) assert.ok(await worker.claim())
  const sessionId = await open(worker)
  const call = async (name: string, args: object = {}): Promise<unknown> => {
    const message = {
      jsonrpc: '2.0',
      id: randomBytes(4).toString('hex'),
      method: 'tools/call',
      params: { name, arguments: args },
    }
    const answer = await messageOf(await post(worker, message, sessionId))
    const result = answer.result as { isError?: true; structuredContent?: unknown } | undefined
    if (result?.structuredContent === undefined || result.isError === true) {
      throw new Error(`${name}: ${JSON.stringify(answer)}`)
    }
    return result.structuredContent
  }
  return {
    worker,
    spec,
    attempt: async (name, target) => {
      const args = target === undefined ? { name } : { name, target }
      return (await call('attempt', args)) as Tried
    },
    plant: async () => (await call('plant')) as Planted,
  }
}

/** Files, sockets and a port as a gateway has them, in the process of the test; one is deleted. */
async function playGateway(t: Owner, rig: Rig) {
  const token = join(rig.stateDir, 'admin-token')
  writeFileSync(token, 'a token of the test\n', { mode: 0o600 })
  const deleted = join(rig.stateDir, 'deleted')
  const held = openSync(deleted, 'w')
  atEnd(t, () => closeSync(held))
  rmSync(deleted)
  const abstractSocket = `berth-test-${randomBytes(6).toString('hex')}`
  const [port] = await Promise.all([
    listen(t, { host: '127.0.0.1', port: 0 }),
    listen(t, { path: `\0${abstractSocket}` }),
  ])
  const sockets = readdirSync(rig.runtimeDir).map((name) => join(rig.runtimeDir, name))
  // That of a template as well.
  assert.ok(sockets.filter((name) => name.endsWith('.sock')).length >= 2)
  return {
    files: [token, rig.markerDir],
    sockets,
    abstractSocket,
    port: port.port,
    /** With that worker of which only the start is known, by the pids that they have outside. */
    processes: (start: string | null): string[] => {
      const its = rig.running().filter(({ startedAt }) => startedAt === start)
      assert.ok(its.length > 0)
      const own = { pid: process.pid, startedAt: startOf(process.pid) ?? '' }
      return [own, ...its].map(({ pid, startedAt }) => `${pid}:${startedAt}`)
    },
  }
}

async function listen(
  t: Owner,
  where: { path: string } | { host: string; port: number },
): Promise<AddressInfo> {
  const server = createServer((socket) => socket.destroy())
  server.listen(where)
  await once(server, 'listening')
  atEnd(t, () => new Promise((resolve) => server.close(() => resolve())))
  return server.address() as AddressInfo
}

/** When the keeper started: it is the first Node of its worker. */
function keeperStartOf({ worker }: Probe): string {
  const outermost = Number(worker.handle.pid)
  const keeper = [outermost, ...descendants(outermost).map(({ pid }) => pid)].find((pid) =>
    commandOf(pid).startsWith(`${process.execPath} `),
  )
  assert.ok(keeper !== undefined && commandOf(keeper).includes('keeper/main.js'))
  return startOf(keeper) ?? ''
}

function homeWithSecrets(folder: string): { folder: string; secrets: string[] } {
  const keys = join(folder, '.ssh')
  const key = join(keys, 'id_berth_test')
  mkdirSync(keys, { mode: 0o700 })
  writeFileSync(key, 'no key\n', { mode: 0o600 })
  return { folder, secrets: [keys, key] }
}

/** A working folder that sessions share, in which Berth's own configuration lies. */
function projectWithSecrets(folder: string): { folder: string; secrets: string[] } {
  const secrets = ['berth.yaml', '.env'].map((name) => join(folder, name))
  for (const file of secrets) writeFileSync(file, 'TOKEN=no-token\n')
  return { folder, secrets }
}
