import path from 'node:path'

import { isMap, type Tree } from '../check.ts'
import type { WrittenServer } from './written.ts'

/** What a file of Claude Code says of the folder that one is in. */
export interface Projects {
  servers: WrittenServer[]
  /** Names that are switched off there. */
  disabled: readonly unknown[]
  /** Other folders that have servers of their own. */
  others: string[]
}

/** The servers of the project that `cwd` is in; the nearest, where one is inside another. */
export function projectServers(projects: unknown, cwd: string): Projects {
  const known = Object.entries(isMap(projects) ? projects : {}).filter(
    (entry): entry is [string, Tree] => isMap(entry[1]),
  )
  const [nearest] = known
    .map(([folder]) => folder)
    .filter((folder) => path.isAbsolute(folder) && isInside(cwd, folder))
    .sort((one, other) => other.length - one.length)
  const own = known.find(([folder]) => folder === nearest)?.[1] ?? {}
  const disabled = own.disabledMcpServers
  return {
    servers: Object.entries(serversOf(own)).map(([name, raw]) => ({
      name,
      raw: isMap(raw) && 'command' in raw ? { cwd: nearest, ...raw } : raw,
      where: ['projects', nearest ?? '', 'mcpServers', name],
    })),
    disabled: Array.isArray(disabled) ? (disabled as unknown[]) : [],
    others: known
      .filter(
        ([folder, project]) => folder !== nearest && Object.keys(serversOf(project)).length > 0,
      )
      .map(([folder]) => folder),
  }
}

const serversOf = ({ mcpServers }: Tree): Tree => (isMap(mcpServers) ? mcpServers : {})

function isInside(folder: string, outer: string): boolean {
  const way = path.relative(outer, folder)
  return way === '' || (way !== '..' && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way))
}
