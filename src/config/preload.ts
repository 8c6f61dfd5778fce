import { readPythonCommand } from '../ground/python-command.ts'
import type { Entry, EntryContext } from './entry-context.ts'

/**
 * The modules that a template of this server loads; undefined for one without. What `defaults` say is
 * for those that it fits; what a server says itself has to fit it.
 */
export function readPreload(
  { where, options }: Entry,
  { problems, defaults }: EntryContext,
  { command, args, searchPath }: { command: string; args: string[]; searchPath: string },
): readonly string[] | 'auto' | undefined {
  const { preload } = options
  if (preload.length === 0) return undefined
  const isOwn = JSON.stringify(preload) !== JSON.stringify(defaults.preload)
  const python = readPythonCommand(command, args, searchPath)
  if (typeof python === 'string') {
    if (isOwn) problems.add([...where, 'preload'], `${python}; or take preload out.`)
    return undefined
  }
  return preload === 'auto' ? preload : [...new Set(preload)]
}
