import { existsSync } from 'node:fs'
import path from 'node:path'

import type { Tree } from './check.ts'
import { readTree } from './file.ts'
import type { Problems } from './problems.ts'

/** What is looked for, in this order, when neither a file nor a command was given. */
export const usualFiles = [
  'berth.yaml',
  'berth.yml',
  'berth.json',
  '.mcp.json',
  'mcp.json',
  '.vscode/mcp.json',
  '.cursor/mcp.json',
]

export interface SourceInput {
  /** How the command that is run takes a configuration, for the message. Default: as `serve` does. */
  waysToGive?: string | undefined
  file?: string | undefined
  command?: readonly string[] | undefined
  /** With `command`: what else is to be said of the server, as keys of an entry. */
  entry?: Tree | undefined
  cwd: string
}

/** Where the configuration came from, and what stands there, unchecked. */
export interface Source {
  file: string | undefined
  /** For the first line of an error. */
  name: string
  /** The folder of the file; the project, for a file in `.vscode/` or `.cursor/`. */
  base: string
  /** Whether a shell has filled the placeholders already, all but `${PORT}`. */
  literal: boolean
  tree: Tree
}

/**
 * @param pointless why a file that was only found is passed over, if it is: ` leads nowhere.`
 * @param notes what was passed over
 */
export function readSource(
  input: SourceInput,
  problems: Problems,
  { pointless, notes }: { pointless(tree: Tree): string | undefined; notes: string[] },
): Source {
  if (input.command !== undefined) return fromCommand(input, input.command, problems)
  if (input.file !== undefined) {
    const file = path.resolve(input.cwd, input.file)
    const tree = readTree(file, problems)
    if (tree === undefined) problems.add('', emptyText)
    return sourceOf(file, tree ?? {})
  }
  for (const name of usualFiles) {
    const file = path.join(input.cwd, name)
    if (!existsSync(file)) continue
    const tree = readTree(file, problems)
    const why = tree === undefined ? 'is empty' : pointless(tree)
    if (tree !== undefined && why === undefined) return sourceOf(file, tree)
    notes.push(`${name} ${why ?? ''}, so it was passed over.`)
  }
  problems.add('', nothingText(input, notes))
  return { file: undefined, name: 'The configuration', base: input.cwd, literal: false, tree: {} }
}

function nothingText(
  {
    waysToGive = 'a file (mcp-berth serve --config FILE) or a command (mcp-berth serve -- COMMAND)',
  }: SourceInput,
  notes: readonly string[],
): string {
  const give = `give ${waysToGive}, or put one of ${usualFiles.join(', ')} into this folder.`
  if (notes.length === 0) return `there is no configuration: ${give}`
  const shell = notes.some((note) => note.includes('is empty')) ? ` ${shellText}` : ''
  return `${notes.join(' ')}${shell} There is no other configuration: ${give}`
}

const shellText =
  "(A shell's > FILE empties the file before the command starts that writes into it.)"

const emptyText = `it is empty. ${shellText} Write into another file, or read another one with --config.`

/** Folders in which editors and agents keep their files; what these name is seen from beside. */
const editorFolders = [
  ...['.vscode', '.cursor', '.zed', '.gemini', '.roo', '.windsurf', '.continue', '.claude'],
]

function sourceOf(file: string, tree: Tree): Source {
  const folder = path.dirname(file)
  const isEditors = editorFolders.includes(path.basename(folder))
  return { file, name: file, base: isEditors ? path.dirname(folder) : folder, literal: false, tree }
}

function fromCommand(input: SourceInput, words: readonly string[], problems: Problems): Source {
  const [command, ...args] = words
  if (input.file !== undefined) {
    problems.add('', 'give either a file or a command after --, not both.')
  }
  if (command === undefined || command === '') {
    problems.add('', 'there is no command after --. Example: mcp-berth serve -- python3 server.py')
  }
  const server = { ...input.entry, command, args }
  return {
    file: undefined,
    name: 'The command line',
    base: input.cwd,
    literal: true,
    tree: { mcpServers: { server } },
  }
}

/** The option that stands for a key of the one server: `mcpServers.server.envFile` → `--env-file`. */
export function optionNamed(path: string): string {
  const [, key, name] = /^mcpServers\.server\.(\w+)(?:\.(\w+))?/.exec(path) ?? []
  if (key === undefined || ['command', 'args'].includes(key)) return path
  const option = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  return name === undefined ? `--${option}` : `--${option} ${name}`
}
