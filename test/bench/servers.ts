import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { programIn } from '../../src/ground/programs.ts'
import { cacheDirOf } from '../needs/cache.ts'
import { prepareNeeds } from '../needs/prepare.ts'
import type { NeedName } from '../needs/table.ts'
import { needs } from '../needs/table.ts'
import { tempDir } from '../support/temp.ts'
import type { ServerEntry } from './gateway.ts'
import { workerEntry } from './gateway.ts'
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

/** The servers that are started and held, as far as they can be had here. */
export async function servers(bench: Bench): Promise<Record<string, ServerEntry>> {
  const compiler = programIn('cc', process.env['PATH'] ?? '')
  const python = await find(bench, 'fastmcp3')
  return {
    'tiny Node, HTTP': workerEntry('http'),
    'tiny Node, stdio': workerEntry('stdio'),
    ...(compiler === undefined ? {} : { 'in C, stdio': serverInC(bench, compiler) }),
    ...(python === undefined
      ? {}
      : { 'FastMCP, stdio': entryOf([python, sourceOf('fastmcp-server.py')]) }),
  }
}

/** One that speaks HTTP and is small, so that a machine can hold many. */
export async function pythonWorker(bench: Bench): Promise<ServerEntry | undefined> {
  const python = await find(bench, 'python3')
  if (python === undefined) return undefined
  return { ...entryOf([python, '-I', '-S', sourceOf('idle-worker.py')]), transport: 'http' }
}

function serverInC(bench: Bench, compiler: string): ServerEntry {
  const program = join(tempDir(bench), 'small-server')
  execFileSync(compiler, ['-O2', '-o', program, sourceOf('small-server.c')])
  return entryOf([program])
}

const entryOf = ([command, ...args]: [string, ...string[]]): ServerEntry => ({
  command,
  args: [...args, workerMark],
})
