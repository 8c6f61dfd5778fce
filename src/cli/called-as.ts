import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'

import { programIn } from '../ground/programs.ts'
import { quoted } from '../ground/shell.ts'

/** How the process was started, as far as that tells what was typed. */
export interface Start {
  /** `process.argv[1]`: the link in a folder of programs, or the file itself. */
  script: string
  /** The file of the program, whatever led to it. */
  file: string
  execPath: string
  cwd: string
  env: Readonly<Record<string, string | undefined>>
}

/**
 * Texts of every room name the commands of Berth as `mcp-berth COMMAND …`. This puts what the user
 * typed, or has to type, in place of `mcp-berth`, so that the line can be pasted.
 */
export type CalledAs = (text: string) => string

export function calledAs(start: Start, commandNames: Iterable<string>): CalledAs {
  const program = programOf(start)
  const scripted = scriptOf(start.env)
  const names = [...commandNames, 'COMMAND', 'help', '--version'].join('|')
  const hint = new RegExp(
    String.raw`(?<![\w/.@-])(Delegate=yes )?mcp-berth (${names})(?![\w-])`,
    'g',
  )
  return (text) =>
    text.replaceAll(hint, (_, delegated: string | undefined, name: string) => {
      // A cgroup that the gateway shares with npm or npx is one that it can limit nothing in.
      if (delegated !== undefined) return `${delegated}${directly(start)} ${name}`
      return name === scripted?.command ? scripted.words : `${program} ${name}`
    })
}

function programOf(start: Start): string {
  const name = basename(start.script)
  if (!isCommandName(name)) return byNode(start)
  if (isStartedByNpx(name, start.env)) return byNpx(start, name) ?? byNode(start)
  return isNpmsOwn(start) ? `npx ${name}` : directly(start)
}

/** Without anything between the shell and the program. */
function directly(start: Start): string {
  const { script, cwd, env } = start
  const name = basename(script)
  if (!isCommandName(name) || isNpmsOwn(start)) return byNode(start)
  const found = programIn(name, env.PATH ?? '')
  if (found !== undefined && isSame(found, script)) return name
  const path = shortest(script, cwd)
  return quoted(path.includes('/') ? path : `./${path}`)
}

const isCommandName = (name: string): boolean => name === 'mcp-berth' || name === 'berth'

/** npm puts this folder into PATH for what it runs; in the user's own shell it is not there. */
const isNpmsOwn = ({ script, env }: Start): boolean =>
  env.npm_execpath !== undefined && dirname(script).endsWith('node_modules/.bin')

function byNode({ script, file, execPath, cwd, env }: Start): string {
  const found = programIn('node', env.PATH ?? '')
  const node = found !== undefined && isSame(found, execPath) ? 'node' : quoted(execPath)
  // Another file of ours that leads to this one is for ourselves alone.
  const main = basename(script) === basename(file) ? script : file
  return `${node} ${quoted(shortest(main, cwd))}`
}

/** npx tells the name as the script that it runs. What runs below another program of npx is not. */
function isStartedByNpx(name: string, env: Start['env']): boolean {
  return env.npm_command === 'exec' && unquoted(env.npm_lifecycle_script ?? '') === name
}

/** Undefined if what npx was told cannot be told again from here. */
function byNpx({ script, cwd, env }: Start, name: string): string | undefined {
  const packages = (env.npm_config_package ?? '').split('\n').filter((one) => one !== '')
  if (packages.length > 0) {
    return `npx ${packages.map((one) => `--package=${quoted(one)} `).join('')}${name}`
  }
  const cached = cachedPackage(script)
  const isOwnFolder = env.npm_package_name === 'mcp-berth'
  if (cached === undefined || isOwnFolder) return `npx ${name}`
  if (/^mcp-berth(@|$)/.test(cached)) return `npx ${quoted(cached)}`
  const isPath = /^[./]/.test(cached)
  return isPath && !existsSync(resolve(cwd, cached)) ? undefined : `npx ${quoted(cached)}`
}

/** What was asked for when npx put it into its cache (`mcp-berth@next`); undefined outside of it. */
function cachedPackage(script: string): string | undefined {
  const [, folder] = /^(.*\/_npx\/[^/]+)\/node_modules\/\.bin\/[^/]+$/.exec(script) ?? []
  if (folder === undefined) return undefined
  try {
    const { _npx: npx } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      _npx?: { packages?: string[] }
    }
    return npx?.packages?.[0]
  } catch {
    return undefined // of an npm that keeps no such note
  }
}

/** `npm run load` where that script ends with `main.js load`, and takes further words after `--`. */
function scriptOf(env: Start['env']): { command: string; words: string } | undefined {
  const { npm_lifecycle_event: event, npm_lifecycle_script: script, npm_command: verb } = env
  const isNpm = env.npm_config_user_agent?.startsWith('npm/') === true && verb !== 'exec'
  const [, command] = /(?:\/main\.js|\bberth) ([a-z-]+)$/.exec(script ?? '') ?? []
  if (!isNpm || event === undefined || command === undefined) return undefined
  return { command, words: `npm run ${quoted(event)} --` }
}

const unquoted = (word: string): string => word.replace(/^(["'])(.*)\1$/, '$2')

function shortest(file: string, cwd: string): string {
  const below = relative(cwd, file)
  return cwd === '/' || below.startsWith('../') ? file : below
}

function isSame(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other)
  } catch {
    return false
  }
}
