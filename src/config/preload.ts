import { readPythonCommand } from '../ground/python-command.ts'
import type { Entry, EntryContext } from './entry-context.ts'

/**
 * The modules that a template of this server loads; undefined for one without. What `defaults` say is
 * for those that it fits; what a server says itself has to fit it.
 */
export function readPreload(
  { name, where, options }: Entry,
  { problems, warnings, defaults }: EntryContext,
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
  // They are loaded outside of a sandbox, and that is to be asked for.
  if (options.isolation === 'sandbox' && !isOwn && defaults.isolation !== 'sandbox') {
    warnings.push(
      `The server ${name} has isolation: sandbox, and modules of preload are loaded outside of that: its sessions start without those of defaults. Name them at the server itself, and not in defaults, if you want that.`,
    )
    return undefined
  }
  return preload === 'auto' ? preload : [...new Set(preload)]
}
