import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { atEnd } from './at-end.ts'
import type { Owner } from './temp.ts'

const folder = join(import.meta.dirname, '..', '..', '..', 'test', 'fixtures', 'python')

/** The fixtures, which stand beside the sources and not in `dist`. */
export const pythonServer = join(folder, 'server.py')
export const pythonClient = join(folder, 'client.py')
export const pythonCalls = join(folder, 'calls.py')
export const pythonKeeps = join(folder, 'keeps.py')
export const pythonOrdinary = join(folder, 'ordinary.py')

/** What a Python wrote into the line that tells where it listens. */
export interface PythonServer {
  url: string
  pid: number
  /** Version of the fastmcp package. */
  fastmcp: string
}

/** Starts `server.py` over HTTP on a free port, until the test ends. */
export async function startPythonServer(t: Owner, python: string): Promise<PythonServer> {
  const child = spawn(python, [pythonServer, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  atEnd(t, async () => {
    child.kill('SIGKILL')
    await exited
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const firstLine = once(createInterface(child.stdout), 'line') as Promise<[string]>
  const [line] = await Promise.race([
    firstLine,
    exited.then(() => Promise.reject(new Error(`server.py ended: ${stderr}`))),
  ])
  return JSON.parse(line) as PythonServer
}

type Answer = { result: unknown; error?: undefined } | { error: string; result?: undefined }

/** What `client.py` prints. */
export interface PythonClientReport {
  fastmcp: string
  protocol: string
  era: 'legacy' | 'modern'
  listed: string[]
  /** Messages of the questions that the elicitation handler was asked. */
  questions: string[]
  /** Prompts that the sampling handler was asked. */
  prompts: string[]
  steps: [progress: number, total: number, message: string][]
  /** Tool → answers in the order of the calls. */
  tools: Record<string, Answer[]>
  /** Set, and then alone, when no session could be opened. */
  failed?: string
}

/** Plays through all tools with fastmcp's client; `client.py` tells the arguments. */
export async function runPythonClient(
  t: Owner,
  python: string,
  args: string[],
): Promise<PythonClientReport> {
  const [report] = await runPythonClients(t, python, args)
  return report!
}

/** The same for several URLs, one after the other, which spares the start of as many clients. */
export async function runPythonClients(
  t: Owner,
  python: string,
  args: string[],
): Promise<PythonClientReport[]> {
  const child = spawn(python, [pythonClient, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let ended = false
  const closed = once(child, 'close').then(() => (ended = true))
  atEnd(t, async () => {
    if (!ended) child.kill('SIGKILL')
    await closed
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  await closed
  if (!stdout.startsWith('{')) throw new Error(`client.py said nothing: ${stderr}`)
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as PythonClientReport)
}
