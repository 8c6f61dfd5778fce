import { existsSync, lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, delimiter, dirname, extname, join, resolve } from 'node:path'

import { isWithin } from '../../ground/safe-path.ts'
import type { LocalSpec } from '../driver.ts'
import { placesOf } from './masks.ts'

/** What a sandbox shows of the machine, in the order in which it is put together. */
export interface View {
  /** What every program of this machine needs, read-only. */
  system: string[]
  /** What this server needs besides, read-only. */
  folders: string[]
  /** Shown as a copy: what is written there stays in the session. */
  copies: string[]
  /** Files and folders, outside, that are not shown after all, wherever they would be. */
  hidden: string[]
  /** Symbolic links at the top: path to target. */
  links: Map<string, string>
  home: string
}

export interface ViewOptions {
  /** The gateway's own: never shown. */
  stateDir: string
  /** What it has elsewhere. */
  privateDirs?: readonly string[]
  nodePath: string
}

const systemFolders = [
  ...['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'],
  ...['/etc', '/opt', '/nix/store', '/gnu/store'],
]

/** What of /etc only root may read, and root in a sandbox is still the owner of those files. */
const systemSecrets = [
  ...['/etc/shadow', '/etc/shadow-', '/etc/gshadow', '/etc/gshadow-', '/etc/sudoers'],
  ...['/etc/sudoers.d', '/etc/ssh', '/etc/ssl/private', '/etc/NetworkManager', '/etc/wireguard'],
  ...['/etc/kubernetes', '/etc/docker', '/etc/krb5.keytab', '/etc/security/opasswd'],
]

/** Where people have their interpreters and tools; nothing else of a home is shown. */
const toolFolders = [
  ...['.nvm', '.volta', '.fnm', '.asdf', '.pyenv', '.rbenv', '.rustup', '.cargo/bin', '.bun/bin'],
  ...['.deno/bin', '.local/bin', '.local/share/uv', '.local/share/fnm', '.local/share/mise'],
  ...['.local/share/pipx', '.local/pipx', '.dotnet', '.sdkman/candidates', 'go/bin'],
]

/** Package caches: read by every start, and written by most. */
const cacheFolders = [
  '.npm',
  '.cache/uv',
  '.cache/pip',
  '.cache/node',
  '.cache/deno',
  '.bun/install',
]

/** A folder with one of these holds a whole project, of which a script is only the beginning. */
const projectSigns = [
  ...['package.json', 'node_modules', 'pyproject.toml', 'requirements.txt', '.venv', 'pyvenv.cfg'],
]
const scriptEndings = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.py', '.rb', '.sh', '.jar', '.dll']

/** Finds out what a server needs to see; what is missing can be added by its `mounts`. */
export function viewOf(
  local: LocalSpec,
  { stateDir, nodePath, privateDirs = [] }: ViewOptions,
): View {
  const { launch, env, cwd, directory } = local
  const home = homeIn(env.HOME)
  const links = new Map<string, string>()
  const system = systemFolders.filter((folder) => {
    const target = linkAt(folder)
    if (target !== undefined) links.set(folder, target)
    return target === undefined && existsSync(folder)
  })
  /** The whole machine, a whole home, or what is the gateway's. */
  const isTooMuch = (folder: string): boolean =>
    isWithin(home, folder) || isWithin(folder, stateDir)
  const isShown = (folder: string): boolean =>
    [...system, ...links.keys()].some((shown) => isWithin(folder, shown))
  const wanted = [
    ...toolFolders.map((name) => join(home, name)),
    dirname(dirname(nodePath)),
    ...foldersOfPath(env.PATH ?? '', home),
    // Of a virtual environment the interpreter is a link to one elsewhere.
    ...foldersOfPath(dirname(realOf(launch.command)), home),
    ...[launch.command, ...launch.args].flatMap((word) => projectOf(word, local, isTooMuch) ?? []),
  ]
  const isOwn = isWithin(cwd, directory)
  const copies = [
    ...cacheFolders.map((name) => join(home, name)),
    ...(isOwn || isTooMuch(cwd) || isShown(cwd) ? [] : [cwd]),
  ]
  const usable = (folders: string[]): string[] =>
    outermost(folders.filter((path) => isThere(path) && !isTooMuch(path) && !isShown(path)))
  const copied = usable(copies)
  const folders = usable(wanted).filter((path) => !copied.some((copy) => isWithin(path, copy)))
  const hidden = placesOf([
    ...systemSecrets,
    stateDir,
    ...privateDirs,
    ...launch.sandbox.hidden,
  ]).filter((path) => existsSync(path))
  return { system, folders, copies: copied, hidden, links, home }
}

/** A home is replaced by one of the session's own, which the whole machine cannot be. */
function homeIn(home = homedir()): string {
  return !home.startsWith('/') || dirname(home) === home ? '/tmp/home' : resolve(home)
}

/** The folders of PATH with what belongs to their programs. */
function foldersOfPath(searchPath: string, home: string): string[] {
  return searchPath
    .split(delimiter)
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => {
      const above = dirname(folder)
      const isInstallation = ['bin', 'sbin', 'shims', '.bin'].includes(basename(folder))
      // What stands in a home beside a bin, such as .cargo/credentials.toml, is nobody's business.
      const isLoose = isWithin(home, dirname(above)) || basename(above) === '.local'
      return isInstallation && !isLoose ? above : resolve(folder)
    })
}

/** The project that a word of the command line is a script or program of, or a file that it names. */
function projectOf(
  word: string,
  { cwd, launch }: LocalSpec,
  isTooMuch: (folder: string) => boolean,
): string | undefined {
  const isProgram = word === launch.command || scriptEndings.includes(extname(word))
  if (!isProgram && !word.startsWith('/')) return undefined
  const file = resolve(cwd, word)
  if (!existsSync(file) || !statSync(file).isFile()) return undefined
  // Its settings, for one: what stands beside them may be anything.
  if (!isProgram) return file
  for (let folder = dirname(file); !isTooMuch(folder); folder = dirname(folder)) {
    if (projectSigns.some((sign) => existsSync(join(folder, sign)))) return folder
  }
  return isTooMuch(dirname(file)) ? file : dirname(file)
}

/** Without those that stand inside another one. */
function outermost(folders: string[]): string[] {
  const unique = [...new Set(folders)]
  return unique.filter(
    (folder) => !unique.some((other) => other !== folder && isWithin(folder, other)),
  )
}

function isThere(path: string): boolean {
  return realOf(path) !== ''
}

/** Empty for what is not there. */
function realOf(path: string): string {
  try {
    return path.startsWith('/') ? realpathSync(path) : ''
  } catch {
    return ''
  }
}

function linkAt(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined
  } catch {
    return undefined
  }
}
