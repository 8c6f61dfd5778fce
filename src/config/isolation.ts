import { existsSync } from 'node:fs'
import path from 'node:path'

import { parseSize } from '../ground/size.ts'
import type { Limits, Mount, SandboxOptions } from '../workers/driver.ts'
import type { Entry, EntryContext } from './entry-context.ts'
import { expandHome } from './folders.ts'

type Fill = (text: string, ...key: (string | number)[]) => string

/** The limits of an entry, in bytes and numbers. */
export function readLimits({ options, where }: Entry, { problems }: EntryContext): Limits {
  const { memory, disk, cpus, pids, openFiles } = options.limits ?? {}
  const bytes = (key: string, text: string | number | undefined): number | undefined => {
    if (text === undefined) return undefined
    const size = parseSize(text)
    if (size === undefined) {
      problems.add(
        [...where, 'limits', key],
        `expected a size such as 512MiB or 1GiB, or a number of bytes. Example: ${key}: 512MiB`,
      )
    }
    return size
  }
  const memoryBytes = bytes('memory', memory)
  const diskBytes = bytes('disk', disk)
  return {
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(pids === undefined ? {} : { pids }),
    ...(diskBytes === undefined ? {} : { diskBytes }),
    ...(openFiles === undefined ? {} : { openFiles }),
  }
}

/**
 * What a sandbox shows and where it leads. Without one, what only a sandbox has is refused.
 *
 * @param fill fills the placeholders of a key of the entry
 * @param files what values were read from
 */
export function readSandbox(
  entry: Entry,
  context: EntryContext,
  { fill, files }: { fill: Fill; files: readonly (string | undefined)[] },
): SandboxOptions {
  const { where, name } = entry
  const { isolation, network, outbound, mounts, limits } = entry.options
  const { problems, warnings, file, secrets } = context
  if (isolation !== 'sandbox') {
    const only = [
      ...(network === 'host' ? [] : [`network: ${network}`]),
      ...(mounts.length === 0 ? [] : ['mounts']),
    ]
    if (only.length > 0) {
      problems.add(where, `${only.join(' and ')} can only be had with isolation: sandbox.`)
    }
  }
  const memory = parseSize(limits?.memory)
  const disk = parseSize(limits?.disk)
  if (isolation === 'sandbox' && memory !== undefined && disk !== undefined && disk >= memory) {
    warnings.push(
      `The server ${name} may write as much (limits.disk) as it may have memory (limits.memory), and the disk of a sandbox is memory: it will be killed before its disk is full.`,
    )
  }
  return {
    network,
    outbound,
    mounts: mounts.map((mount, index) => {
      const before = problems.found.length
      const filled = mountOf(mount, context, (text, key) => fill(text, 'mounts', index, key))
      if (problems.found.length === before && isolation === 'sandbox') {
        const at = [...where, 'mounts', index, 'from']
        if (existsSync(filled.from)) context.mounts.push({ mount: filled, at })
        else problems.add(at, `there is no ${mount.from} (seen from ${context.base}).`)
      }
      return filled
    }),
    hidden: [file, ...files, ...(secrets?.files ?? [])].filter((path) => path !== undefined),
  }
}

function mountOf(
  { from, to, write }: { from: string; to?: string; write: boolean },
  { base, homeDir }: EntryContext,
  fill: (text: string, key: string) => string,
): Mount {
  const outside = path.resolve(base, expandHome(fill(from, 'from'), homeDir))
  const inside =
    to === undefined ? outside : path.resolve(base, expandHome(fill(to, 'to'), homeDir))
  return { from: outside, to: inside, write }
}
