import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { programIn } from '../../src/ground/programs.ts'
import { cacheDirOf } from '../needs/cache.ts'
import { prepareNeeds } from '../needs/prepare.ts'
import type { NeedName } from '../needs/table.ts'
import { needs } from '../needs/table.ts'
import { tempDir } from '../support/temp.ts'
import type { Build, ServerEntry } from './gateway.ts'
import { startGateway, workerEntry } from './gateway.ts'
import { workerMark } from './measure.ts'
import { projectDir } from './nginx.ts'
import type { Bench } from './scope.ts'

const sourceOf = (name: string): string => join(projectDir, 'test', 'bench', name)

/** Where something is that tests need; undefined, and said, where it is missing. */
export async function find({ signal, say }: Bench, name: NeedName): Promise<string | undefined> {
  const [outcome] = await prepareNeeds(
    needs.filter((need) => need.name === name),
    { projectDir, cacheDir: cacheDirOf(projectDir, process.env), env: process.env, signal },
  )
  if (outcome !== undefined && outcome.state !== 'missing') return outcome.place.path
  say(`not measured, for want of ${name}: ${outcome?.reason} (${outcome?.command})`)
  return undefined
}

/** A server that is started in the benchmarks. */
export interface Started {
  name: string
  entry: ServerEntry
  /** How many of it are started at once. */
  atOnce: number
  /** Modules that a template of it may have loaded. */
  preload?: string[]
}

/** As far as they can be had here. */
export async function startedServers(bench: Bench): Promise<Started[]> {
  const inC = serverInC(bench)
  const python = await find(bench, 'fastmcp3')
  const fastMcp = (path: string): Started => ({
    name: 'FastMCP 3, stdio',
    entry: entryOf([path, sourceOf('fastmcp-server.py')]),
    // Each takes more than a second of processor time.
    atOnce: 4,
    preload: ['fastmcp'],
  })
  return [
    { name: 'tiny Node, HTTP', entry: workerEntry('http'), atOnce: 10 },
    { name: 'tiny Node, stdio', entry: workerEntry('stdio'), atOnce: 10 },
    ...(inC === undefined ? [] : [{ name: 'in C, stdio', entry: inC, atOnce: 10 }]),
    ...(python === undefined ? [] : [fastMcp(python)]),
  ]
}

/** Berth with what it may have ready before a session is asked for. */
export async function startAhead(
  bench: Bench,
  { entry, atOnce, preload }: Started,
): Promise<Build[]> {
  const warm = { warm: atOnce }
  const kinds = [warm, ...(preload === undefined ? [] : [{ preload }])]
  const builds: Build[] = []
  for (const more of kinds) {
    const [key = ''] = Object.keys(more)
    if (!knowsKey(key)) continue
    const gateway = await startGateway(bench, { servers: { tiny: { ...entry, ...more } } })
    builds.push({ name: `berth, ${key}: ${JSON.stringify(Object.values(more)[0])}`, ...gateway })
  }
  return builds
}

/** Whether this build has that key of a server. */
function knowsKey(key: string): boolean {
  const schema = readFileSync(join(projectDir, 'config', 'berth.schema.json'), 'utf8')
  return schema.includes(`"${key}": {`)
}

/** One that speaks HTTP and is small, so that a machine can hold many. */
export async function pythonWorker(bench: Bench): Promise<ServerEntry | undefined> {
  const python = await find(bench, 'python3')
  if (python === undefined) return undefined
  return { ...entryOf([python, '-I', '-S', sourceOf('idle-worker.py')]), transport: 'http' }
}

/** The smallest server over stdio. */
export function serverInC(bench: Bench): ServerEntry | undefined {
  const compiler = programIn('cc', process.env['PATH'] ?? '')
  if (compiler === undefined) {
    bench.say('not measured, for want of a compiler (cc): a server in C')
    return undefined
  }
  const program = join(tempDir(bench), 'small-server')
  execFileSync(compiler, ['-O2', '-o', program, sourceOf('small-server.c')])
  return entryOf([program])
}

const entryOf = ([command, ...args]: [string, ...string[]]): ServerEntry => ({
  command,
  args: [...args, workerMark],
})
