import { readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  alive,
  commandOf,
  descendants,
  listProcesses,
  processesWith,
} from '../support/processes.ts'
import type { ProcessEntry } from '../support/processes.ts'
import { cgroupNamesOf, cgroupsOf, mountsBelow } from './kernel-leaks.ts'

const lookEveryMs = 300
const shownAtMost = 20

export interface LeakWatch {
  /** Notes what runs now. To be called before anything is stopped, and whenever a test is done. */
  look: () => void
  /**
   * What is left once the tests are done, after a moment for what is just ending: a line each.
   * Processes that are left are killed; the folder is left to whoever made it.
   */
  settle: (graceMs: number) => Promise<string[]>
}

/**
 * Watches what the tests start. A process counts as theirs if it has the run's marker or folder
 * in its environment, command line or working directory, or if it was seen below this process
 * before it lost its parent: workers of a gateway are started with an environment of their own.
 */
export function watchLeaks(marker: string, folder: string): LeakWatch {
  const seen = new Map<string, ProcessEntry>()
  /** Of other groups, somebody else's gateway may be the owner. */
  const groups = new Set<string>()
  const look = (): void => {
    const entries = listProcesses()
    const running = new Set(entries.map(keyOf))
    for (const key of seen.keys()) if (!running.has(key)) seen.delete(key)
    const roots = [process.pid, ...[...seen.values()].map(({ pid }) => pid)]
    for (const root of roots) {
      for (const entry of descendants(root, entries)) seen.set(keyOf(entry), entry)
    }
    for (const { pid } of seen.values()) {
      for (const name of cgroupNamesOf(pid, 'berth-')) groups.add(name)
    }
  }
  const timer = setInterval(look, lookEveryMs)

  const remaining = (): ProcessEntry[] => {
    look()
    for (const entry of processesWith(marker, folder)) seen.set(keyOf(entry), entry)
    return [...seen.values()].filter(({ pid }) => pid !== process.pid && alive(pid))
  }

  return {
    look,
    async settle(graceMs) {
      clearInterval(timer)
      const untilMs = performance.now() + graceMs
      let processes = remaining()
      while (processes.length > 0 && performance.now() < untilMs) {
        await sleep(50)
        processes = remaining()
      }
      const lines = processes.map(({ pid }) => `process ${pid}: ${shorten(commandOf(pid))}`)
      for (const { pid } of processes) kill(pid)
      const left = cgroupsOf('berth-').filter((path) => groups.has(basename(path)))
      return [
        ...lines,
        ...left.map((path) => `control group ${path}`),
        ...mountsBelow(folder).map((path) => `mount ${path}`),
        ...takeFilesLeft(folder),
      ]
    },
  }
}

/** What is in the folder, and what is beside it under its name, which is removed. */
function takeFilesLeft(folder: string): string[] {
  const beside = readdirSync(dirname(folder))
    .filter((name) => name.startsWith(basename(folder)) && name !== basename(folder))
    .map((name) => join(dirname(folder), name))
  const inside = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  for (const path of beside) rmSync(path, { recursive: true, force: true })
  const all = [...beside, ...inside.map((name) => join(folder, name))]
  const more = all.length - shownAtMost
  return [
    ...all.slice(0, shownAtMost).map((path) => `file ${path}`),
    ...(more > 0 ? [`and ${more} more files`] : []),
  ]
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has just ended.
  }
}

function keyOf({ pid, startedAt }: ProcessEntry): string {
  return `${pid} ${startedAt}`
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)} …` : text
}
