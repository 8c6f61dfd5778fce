import { randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { programIn } from '../ground/programs.ts'
import { removeFolder } from '../ground/removal.ts'
import type { Finding } from './doctor/findings.ts'
import { findingsOf, summaryOf } from './doctor/findings.ts'
import { readKernelSettings } from './doctor/kernel-settings.ts'
import { tryNetwork, tryTun, tryUserNamespace } from './doctor/trials.ts'
import type { Enforcement } from './driver.ts'
import { createLimitGroups } from './limits/groups.ts'
import { findPidNamespace } from './pid-namespace.ts'
import { findSandbox } from './sandbox/probe.ts'
import { seccompFilter } from './sandbox/seccomp.ts'

/** What this machine can isolate and limit. */
export interface Machine {
  findings: Finding[]
  /** What a configuration may ask for here, in one sentence. */
  summary: string
}

const installers = {
  'apt-get': 'apt-get install',
  dnf: 'dnf install',
  zypper: 'zypper install',
  pacman: 'pacman -S',
  apk: 'apk add',
} as const

/**
 * Finds out by doing it: namespaces, a sandbox, networks and groups are made, and nothing of them
 * is left. The kernel's settings are only asked for the cause of what went wrong.
 *
 * @param searchPath where programs such as bwrap are looked for
 */
export async function examineMachine({ searchPath }: { searchPath: string }): Promise<Machine> {
  const { platform, arch: architecture } = process
  const settings = readKernelSettings()
  // It may move this process, which has to happen before it has children.
  const groups = createLimitGroups({ installation: randomBytes(16).toString('hex') }).enforcement()
  const namespace = await findPidNamespace(true)
  const userNamespaceProblem =
    platform === 'linux' ? await tryUserNamespace() : `${platform} has none`
  const folder = mkdtempSync(join(tmpdir(), 'berth-doctor-'))
  try {
    const support = await findSandbox({ namespace, folder, searchPath })
    const slirp = programIn('slirp4netns', searchPath)
    const tun = tryTun()
    const network = (outbound: boolean): Promise<string> =>
      support.available
        ? tryNetwork(namespace, { bwrap: support.tools.bwrap, slirp }, { outbound, folder })
        : Promise.resolve('')
    const networkProblem = await network(false)
    const canLeadOut = networkProblem === '' && slirp !== undefined && tun === 'usable'
    const found = Object.entries(installers).find(([name]) => programIn(name, searchPath))
    const findings = findingsOf({
      platform,
      architecture,
      settings,
      namespace,
      userNamespaceProblem,
      bwrap: programIn('bwrap', searchPath),
      support,
      hasFilter: seccompFilter(architecture) !== undefined,
      networkProblem,
      outboundProblem: canLeadOut ? await network(true) : '',
      slirp,
      tun,
      limits: [...groups, diskLimit(support.available)],
      installer: found?.[1] ?? installers['apt-get'],
    })
    return { findings, summary: summaryOf(findings, platform) }
  } finally {
    removeFolder(folder)
  }
}

function diskLimit(hasSandbox: boolean): Enforcement {
  return hasSandbox
    ? { limit: 'disk', by: 'in a sandbox, by a disk in memory (tmpfs size)' }
    : {
        limit: 'disk',
        by: null,
        why: 'a process writes where it may; a sandbox has a disk of its own',
      }
}
