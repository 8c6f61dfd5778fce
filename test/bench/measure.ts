import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createInterface } from 'node:readline'

/** A process under measurement that has said where it listens. */
export interface Target {
  process: ChildProcess
  pid: number
  line: string
  stop(): Promise<void>
}

/** Starts a Node program and waits for its first line. */
export async function startTarget(
  args: string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Target> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('exit', (code) => reject(new Error(`${args[0] ?? ''} ended with ${code ?? ''}`)))
  })
  return {
    process: child,
    pid: child.pid ?? 0,
    line,
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null) resolve()
        child.once('exit', () => resolve())
        child.kill('SIGTERM')
      }),
  }
}

/** Processor time that a process has used in all its threads, in microseconds. */
export function cpuUs(pid: number): number {
  let ns = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0])
  }
  return ns / 1000
}

/** The same for a process and everything below it. */
export function treeCpuUs(pid: number): number {
  let total = cpuUs(pid)
  for (const child of childrenOf(pid)) total += treeCpuUs(child)
  return total
}

export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' '))
    .filter((text) => text !== '')
    .map(Number)
}

/** Private and shared memory of a process, in KiB, from /proc/PID/smaps_rollup. */
export function memoryKib(pid: number): { pss: number; rss: number; private: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)
  return {
    pss: field('Pss'),
    rss: field('Rss'),
    private: field('Private_Clean') + field('Private_Dirty'),
  }
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low = 0, high = 0] = [sorted[middle - 1] ?? sorted[middle], sorted[middle]]
  return sorted.length % 2 === 1 ? high : (low + high) / 2
}

export const agent = new Agent({ keepAlive: true, maxSockets: 2000 })

export interface Answer {
  statusCode: number
  sessionId: string | undefined
  text: string
}

/** One POST to an MCP endpoint. */
export function post(url: string, message: object, sessionId?: string): Promise<Answer> {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message })
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: 'POST',
        agent,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'content-length': Buffer.byteLength(body),
          'mcp-protocol-version': '2025-11-25',
          ...(sessionId === undefined ? {} : { 'mcp-session-id': sessionId }),
        },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('error', reject)
        response.on('end', () => {
          const id = response.headers['mcp-session-id']
          resolve({
            statusCode: response.statusCode ?? 0,
            sessionId: typeof id === 'string' ? id : undefined,
            text: Buffer.concat(chunks).toString(),
          })
        })
      },
    )
    sent.once('error', reject)
    sent.end(body)
  })
}

export const initializeMessage = {
  id: 0,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'bench', version: '1' },
  },
}

/** Opens a session; for a server without ids the id is undefined. */
export async function openSession(url: string): Promise<string | undefined> {
  const { statusCode, sessionId, text } = await post(url, initializeMessage)
  if (statusCode !== 200) throw new Error(`initialize: ${statusCode} ${text}`)
  await post(url, { method: 'notifications/initialized' }, sessionId)
  return sessionId
}

export interface Line {
  name: string
  [figure: string]: string | number
}

export function table(title: string, lines: Line[]): void {
  process.stdout.write(`\n${title}\n`)
  const columns = [...new Set(lines.flatMap((line) => Object.keys(line)))]
  const cells = [
    columns,
    ...lines.map((line) => columns.map((column) => String(line[column] ?? ''))),
  ]
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)))
  for (const row of cells) {
    const text = row.map((cell, at) =>
      at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0),
    )
    process.stdout.write(`  ${text.join('  ')}\n`)
  }
}
