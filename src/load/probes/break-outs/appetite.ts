import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, open, rm, statfs } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

import type { Target, Tried } from './attempt.ts'
import { codeOf, gotThrough, notTried, numbersOf, pathsOf, refusedBy, stopped } from './attempt.ts'

const mib = 1024 * 1024
/** Less than their limit in the table, so that there is time to clear away. */
const budgetMs = 15_000

/** What has to be left for everybody else where no wall is. */
const reserveBytes = 512 * mib

function amountOf(target: Target | undefined, standard: number): number {
  return Math.max(1, numbersOf(target)[0] ?? standard)
}

const batch = 40
const processesAtMost = 2000

/** So many short sleeps at once. They end by themselves, too, should this process be killed. */
export async function bombWithForks(target: Target | undefined): Promise<Tried> {
  const wanted = Math.min(amountOf(target, 400), processesAtMost)
  const untilMs = performance.now() + budgetMs
  const running: ChildProcess[] = []
  try {
    while (running.length < wanted && performance.now() < untilMs) {
      const missing = Math.min(batch, wanted - running.length)
      const started = await Promise.all(Array.from({ length: missing }, startSleep))
      running.push(...started.flatMap(({ child }) => child ?? []))
      const refused = started.find(({ problem }) => problem !== undefined)?.problem
      if (refused === 'ENOENT') return notTried('sleep is not here to be started.')
      if (refused !== undefined) return stopped(`${refused} after ${running.length} processes`)
    }
    return gotThrough(`started ${running.length} processes`)
  } finally {
    await Promise.all(running.map(end))
  }
}

async function startSleep(): Promise<{ child?: ChildProcess; problem?: string }> {
  try {
    const child = spawn('sleep', ['20'], { stdio: 'ignore' })
    await once(child, 'spawn')
    return { child }
  } catch (error) {
    return { problem: codeOf(error) }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

const full = ['ENOSPC', 'EDQUOT', 'EFBIG']
const diskChunk = 8 * mib
/** As statfs(2) has it. */
const tmpfsType = 0x01021994

export async function fillDisk(target: Target | undefined): Promise<Tried> {
  const wanted = amountOf(target, 2048 * mib)
  const [parent = tmpdir()] = pathsOf(target)
  let folder: string
  try {
    const { bavail, blocks, bsize, type } = await statfs(parent)
    // A small file system is a wall of its own; a large one is everybody's.
    if (bavail * bsize < wanted + reserveBytes && blocks * bsize > 4 * wanted) {
      return notTried(`Only ${inMib(bavail * bsize)} are left on a disk that others use.`)
    }
    if (type === tmpfsType && isScarce(Math.min(wanted, bavail * bsize))) {
      return notTried('Its disk is memory, and the machine has not enough of that.')
    }
    folder = await mkdtemp(join(parent, 'probe-'))
  } catch (error) {
    return refusedBy(error, `making a folder in ${parent}`)
  }
  let written = 0
  try {
    const untilMs = performance.now() + budgetMs
    const chunk = Buffer.alloc(Math.min(diskChunk, wanted), 'x')
    const file = await open(join(folder, 'fill'), 'wx', 0o600)
    try {
      while (written < wanted && performance.now() < untilMs) {
        const { bytesWritten } = await file.write(
          chunk,
          0,
          Math.min(chunk.length, wanted - written),
        )
        written += bytesWritten
      }
    } finally {
      await file.close()
    }
    return gotThrough(`wrote ${inMib(written)} into ${parent}`)
  } catch (error) {
    if (full.includes(codeOf(error))) return stopped(`${codeOf(error)} after ${inMib(written)}`)
    return refusedBy(error, `writing into ${parent}`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const memoryChunk = 16 * mib

/**
 * Takes memory and writes to all of it. Being killed for that is no answer but the end of the
 * session; whoever asked has to tell.
 */
export async function fillMemory(target: Target | undefined): Promise<Tried> {
  const wanted = amountOf(target, 1024 * mib)
  if (isScarce(wanted)) return notTried('The machine has not enough free memory to try it.')
  const untilMs = performance.now() + budgetMs
  const held: Buffer[] = []
  let taken = 0
  try {
    while (taken < wanted && performance.now() < untilMs) {
      const chunk = Buffer.alloc(Math.min(memoryChunk, wanted - taken), 1)
      held.push(chunk)
      taken += chunk.length
      await nextTurn()
    }
    return gotThrough(`took ${inMib(taken)}`)
  } catch (error) {
    return stopped(`${codeOf(error)} after ${inMib(taken)}`)
  } finally {
    held.length = 0
  }
}

/** Of the whole machine, whatever limit this process has: without one all would be short of it. */
function isScarce(wantedBytes: number): boolean {
  try {
    const [, kib] = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? []
    return Number(kib) * 1024 < wantedBytes + reserveBytes
  } catch {
    // Not Linux, or hidden.
    return false
  }
}

const spin = `
const { workerData } = require('node:worker_threads')
while (Date.now() < workerData);`

/** Less than this part of what it asked for is a limit (or a machine that is busy otherwise). */
const freePart = 0.75

/** A thread for each core; `how` says how many cores' worth it really got. */
export async function burnCpu(target: Target | undefined): Promise<Tried> {
  const wantedMs = Math.min(amountOf(target, 2000), budgetMs)
  // Not availableParallelism: newer versions of Node take a share for the whole.
  const cores = cpus().length
  const before = process.cpuUsage()
  const startedMs = performance.now()
  const threads = Array.from(
    { length: cores },
    () => new Worker(spin, { eval: true, workerData: Date.now() + wantedMs }),
  )
  await Promise.all(threads.map((thread) => once(thread, 'exit')))
  const { user, system } = process.cpuUsage(before)
  const got = (user + system) / 1000 / (performance.now() - startedMs)
  const how = `got ${got.toFixed(2)} of ${cores} cores for ${wantedMs} ms`
  return got < freePart * cores ? stopped(how) : gotThrough(how)
}

function inMib(bytes: number): string {
  return `${(bytes / mib).toFixed(1)} MiB`
}
