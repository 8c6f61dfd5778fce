import { execFile } from 'node:child_process'
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { programIn } from '../../ground/programs.ts'
import { removeFolder } from '../../ground/removal.ts'
import type { PidNamespace } from '../pid-namespace.ts'
import { seccompFilter } from './seccomp.ts'

/** What this machine has to build sandboxes with, or why it has not. */
export type SandboxSupport =
  { available: true; tools: SandboxTools; missing: string[] } | { available: false; why: string }

export interface SandboxTools {
  bwrap: string
  /** Words that give a command a mount namespace of its own in which it may mount. */
  mountNamespace: [string, ...string[]]
  /** Options of overlay mounts here; null where there can be none. */
  overlay: string | null
  /** The filter of system calls, as a file; null where there is none for this processor. */
  seccompFile: string | null
  uid: number
  gid: number
}

const asRoot: [string, ...string[]] = ['unshare', '--mount', '--propagation', 'private']
/** With the rights that a user namespace should bring: AppArmor grants one and takes those. */
export const asUser: [string, ...string[]] = [
  ...(['unshare', '--user', '--map-root-user'] as const),
  ...['--mount', '--propagation', 'private'],
]
const tryMs = 10_000

/**
 * Finds out by building one, not by asking for versions.
 *
 * @param folder where the filter is put; it has to stay as long as sandboxes are started
 */
export async function findSandbox(options: {
  namespace: PidNamespace
  folder: string
  searchPath: string
}): Promise<SandboxSupport> {
  const { namespace, folder, searchPath } = options
  if (process.platform !== 'linux') {
    return { available: false, why: `${process.platform} has none; it needs Linux` }
  }
  if (!namespace.own) return { available: false, why: `no PID namespace: ${namespace.why}` }
  const bwrap = programIn('bwrap', searchPath)
  if (bwrap === undefined) {
    return { available: false, why: 'bwrap is not installed: apt-get install bubblewrap' }
  }
  const filter = seccompFilter(process.arch)
  const seccompFile = filter === undefined ? null : join(folder, `seccomp-${process.arch}.bpf`)
  if (seccompFile !== null && filter !== undefined) putFile(seccompFile, filter)
  const isRoot = process.getuid?.() === 0
  const mountNamespace = isRoot ? asRoot : asUser
  const uid = process.getuid?.() ?? 0
  const gid = process.getgid?.() ?? 0
  const scratch = mkdtempSync(join(tmpdir(), 'berth-probe-'))
  try {
    const built = await tryOut({ prefix: mountNamespace, bwrap, scratch, seccompFile, uid, gid })
    if (built !== '') return { available: false, why: explained(built) }
    const options = isRoot ? '' : ',userxattr'
    const problem = await tryOverlay(mountNamespace, scratch, options)
    const missing = [
      ...(problem === ''
        ? []
        : [
            `No overlay mounts (${problem}): the working folder and package caches are read-only in a sandbox.`,
          ]),
      ...(seccompFile === null
        ? [`No filter of system calls for ${process.arch}: a sandbox does without one.`]
        : []),
    ]
    const overlay = problem === '' ? options : null
    const tools = { bwrap, mountNamespace, overlay, seccompFile, uid, gid }
    return { available: true, tools, missing }
  } finally {
    removeFolder(scratch)
  }
}

/** In one step: another gateway may be starting a sandbox with it. */
function putFile(file: string, content: Buffer): void {
  const unfinished = `${file}.${process.pid}`
  writeFileSync(unfinished, content, { mode: 0o600 })
  renameSync(unfinished, file)
}

function tryOut(options: {
  prefix: string[]
  bwrap: string
  scratch: string
  seccompFile: string | null
  uid: number
  gid: number
}): Promise<string> {
  const { prefix, bwrap, scratch, seccompFile, uid, gid } = options
  // The descriptor is opened by a shell, because execFile hands none on.
  const open = seccompFile === null ? '' : ' 3<"$filter"'
  const inner = `mount -t tmpfs berth "$scratch" && exec "$@"${open}`
  const args = [
    ...['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--cap-drop', 'ALL'],
    ...['--uid', String(uid), '--gid', String(gid), '--die-with-parent', '--new-session'],
    ...['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp'],
    ...(seccompFile === null ? [] : ['--seccomp', '3']),
    ...['--', 'sh', '-c', 'exit 0'],
  ]
  return problemOf([...prefix, 'sh', '-c', inner, 'berth-probe', bwrap, ...args], {
    scratch,
    filter: seccompFile ?? '',
  })
}

function tryOverlay(prefix: string[], scratch: string, options: string): Promise<string> {
  const script =
    'mount -t tmpfs berth "$scratch" && cd "$scratch" && mkdir low new work all && exec mount -t overlay berth all -o "lowerdir=/usr,upperdir=new,workdir=work$options"'
  return problemOf([...prefix, 'sh', '-c', script], { scratch, options })
}

function problemOf(words: string[], env: Record<string, string>): Promise<string> {
  const [command = '', ...args] = words
  const path = process.platform === 'linux' ? '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' : ''
  return new Promise((resolve) => {
    const options = { timeout: tryMs, env: { PATH: path, ...env } }
    execFile(command, args, options, (error, _stdout, stderr) => {
      if (error === null) resolve('')
      else resolve(stderr.trim().split('\n').at(-1) ?? error.message)
    })
  })
}

/** What is said of a refusal. */
export const notAllowed = '(user namespaces are not allowed; mcp-berth doctor tells what helps)'

/** What the usual refusals mean, and what would help. */
function explained(problem: string): string {
  if (/setting up uid map|Operation not permitted|No permissions|unshare failed/i.test(problem)) {
    return `${problem} ${notAllowed}`
  }
  return problem
}
