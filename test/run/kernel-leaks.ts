import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Control groups that gateways have made and that are there now, by the beginning of their names. */
export function cgroupsOf(beginning: string): string[] {
  const own = new Set(
    linesOf('/proc/self/cgroup').map((line) => line.split(':').slice(2).join(':')),
  )
  const found = new Set<string>()
  for (const { path } of mounts().filter(({ type }) => type.startsWith('cgroup'))) {
    for (const below of ['/', ...own]) {
      const folder = join(path, below)
      if (!existsSync(folder)) continue
      for (const name of readdirSync(folder)) {
        if (name.startsWith(beginning)) found.add(join(folder, name))
      }
    }
  }
  return [...found]
}

/** The names of the gateway's control groups that a process is in. */
export function cgroupNamesOf(pid: number, beginning: string): string[] {
  return linesOf(`/proc/${pid}/cgroup`)
    .flatMap((line) => line.split('/'))
    .filter((name) => name.startsWith(beginning))
}

/** Mount points below a folder, as this process sees them. */
export function mountsBelow(folder: string): string[] {
  return mounts()
    .map(({ path }) => path)
    .filter((path) => path.startsWith(folder))
}

function mounts(): { path: string; type: string }[] {
  return linesOf('/proc/self/mountinfo').map((line) => {
    const [before = '', after = ''] = line.split(' - ')
    return { path: before.split(' ')[4] ?? '', type: after.split(' ')[0] ?? '' }
  })
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').trim().split('\n')
  } catch {
    return [] // only Linux has it
  }
}
