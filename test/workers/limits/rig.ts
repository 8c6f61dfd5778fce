import { randomBytes } from 'node:crypto'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { TestContext } from 'node:test'

import { createLimitGroups } from '../../../src/workers/limits/groups.ts'
import type { LimitName, Limits } from '../../../src/workers/driver.ts'
import type { Group, LimitGroups } from '../../../src/workers/limits/limits.ts'
import { limitedCommand } from '../../../src/workers/limits/wrapper.ts'

export const newId = (): string => randomBytes(8).toString('hex')

/** Groups of an installation of the test's own. */
export function startGroups(): { installation: string; groups: LimitGroups } {
  const installation = newId()
  return { installation, groups: createLimitGroups({ installation }) }
}

/** Why a limit cannot be tested here; false when it can. */
export function skipWithout(...limits: LimitName[]): string | false {
  const whys = startGroups()
    .groups.enforcement()
    .filter(({ limit }) => limits.includes(limit))
    .flatMap((found) => (found.by === null ? [`no ${found.limit} limit: ${found.why}`] : []))
  return whys.length > 0 ? whys.join('; ') : false
}

/** A group that is gone after the test, with all that is in it. */
export function makeGroup(
  t: TestContext,
  groups: LimitGroups,
  limits: Limits,
  workerId = newId(),
): Group {
  const group = groups.create(workerId, limits)
  if (group === undefined) throw new Error('no group could be made')
  t.after(async () => {
    group.kill()
    await group.remove()
  })
  return group
}

export interface Run {
  child: ChildProcess
  stderr(): string
  ended: Promise<{ code: number | null; signal: string | null }>
}

/** Runs a command in a group. */
export function runIn(t: TestContext, group: Group, [command = '', ...args]: string[]): Run {
  const limited = limitedCommand({ command, args, procsFiles: group.procsFiles })
  const child = spawn(limited.command, limited.args, { stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = once(child, 'exit').then(() => ({ code: child.exitCode, signal: child.signalCode }))
  return { child, stderr: () => stderr, ended }
}

/** What is left of the groups: those of them that exist, and the folder of the installation. */
export function remainsOf(group: Group): string[] {
  const folders = group.procsFiles.map(dirname)
  return [...folders, ...folders.map(dirname)].filter((folder) => existsSync(folder))
}

/** Groups in the folder of the installation that the first of the group's files is in. */
export function neighboursOf(group: Group): string[] {
  const folder = dirname(dirname(group.procsFiles[0] ?? ''))
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
}
