import type { Enforcement } from '../driver.ts'
import type { PidNamespace } from '../pid-namespace.ts'
import { notAllowed } from '../sandbox/probe.ts'
import type { SandboxSupport } from '../sandbox/probe.ts'
import type { KernelSettings } from './kernel-settings.ts'
import type { Obstacle } from './obstacles.ts'
import { obstaclesTo, sudo } from './obstacles.ts'
import type { Tun } from './trials.ts'

/** One thing that this machine can do, or cannot. */
export interface Finding {
  feature: string
  /** weaker: not this, but there is something in its place. */
  state: 'yes' | 'weaker' | 'no'
  /** How it is done, or why it is not. */
  reason: string
  /** Commands that would enable it, all of them together; empty where there is none. */
  helps: string[]
}

/** What was found out by trying. Problems are empty where there was none. */
export interface Trials {
  platform: NodeJS.Platform
  architecture: NodeJS.Architecture
  settings: KernelSettings
  namespace: PidNamespace
  userNamespaceProblem: string
  /** Path of bwrap; undefined when it is not installed. */
  bwrap: string | undefined
  support: SandboxSupport
  /** Whether there is a profile for this processor. */
  hasFilter: boolean
  /** Only tried where there is a sandbox. */
  networkProblem: string
  /** Only tried where there is a private network and all that it takes. */
  outboundProblem: string
  /** Path of slirp4netns; undefined when it is not installed. */
  slirp: string | undefined
  tun: Tun
  limits: Enforcement[]
  /** How packages are installed here: `apt-get install`. */
  installer: string
}

const noSandbox = 'only in a sandbox'

/** One finding for each feature, in the order in which they build on each other. */
export function findingsOf(trials: Trials): Finding[] {
  const { platform, userNamespaceProblem, settings } = trials
  const findings = [
    processTreeFinding(trials),
    userNamespaceProblem === ''
      ? yes('user namespaces', `${settings.isRoot ? 'root' : 'this user'} may have them`)
      : no('user namespaces', obstacles(trials, userNamespaceProblem)),
    sandboxFinding(trials),
    ...partsOfSandbox(trials),
    outboundFinding(trials),
    ...trials.limits.map(limitFinding),
  ]
  // The commands are those of Linux.
  return platform === 'linux' ? findings : findings.map((finding) => ({ ...finding, helps: [] }))
}

/** What a configuration may ask for here, in one sentence. */
export function summaryOf(findings: Finding[], platform: NodeJS.Platform): string {
  const has = (feature: string): boolean =>
    findings.some((finding) => finding.feature === feature && finding.state === 'yes')
  const limits = findings
    .filter(({ feature, state }) => feature.startsWith(limitPrefix) && state === 'yes')
    .map(({ feature }) => feature.slice(limitPrefix.length))
  const limited = limits.length === 0 ? 'no limits' : `limits: ${inWords(limits)}`
  if (platform !== 'linux') {
    return `On ${platform} Berth runs the process driver, which is no wall, with ${limited}; all else needs Linux.`
  }
  if (!has('sandbox')) {
    return `Here a server can have isolation: process, which is no wall, and ${limited}.`
  }
  const where = has('outbound') ? '' : ' with outbound: false'
  const network = has('private networks') ? `host, none or private${where}` : 'host'
  return `Here a server can have isolation: process (no wall) or sandbox (a wall; network: ${network}), and ${limited}.`
}

const limitPrefix = 'limits.'

function processTreeFinding(trials: Trials): Finding {
  const feature = 'process trees'
  const { own, why } = trials.namespace
  if (own) return yes(feature, 'each worker has one of its own, and it dies whole (PID namespace)')
  const { reason, helps } = no(feature, obstacles(trials, why))
  return weaker(feature, `what hides from its keeper may outlive it for a while: ${reason}`, helps)
}

function sandboxFinding(trials: Trials): Finding {
  const { platform, bwrap, support, namespace, userNamespaceProblem } = trials
  const feature = 'sandbox'
  if (support.available) return yes(feature, `${support.tools.bwrap} builds one`)
  if (platform !== 'linux') return no(feature, [{ why: support.why }])
  if (bwrap === undefined) {
    return no(feature, [
      { why: 'bubblewrap is not installed', help: install('bubblewrap', trials) },
    ])
  }
  const missing = [
    ...(namespace.own ? [] : ['process trees']),
    ...(userNamespaceProblem === '' ? [] : ['user namespaces']),
  ]
  // Told with those already.
  if (missing.length > 0) return no(feature, [{ why: `it takes ${inWords(missing)}` }])
  return no(feature, obstacles(trials, support.why.replace(notAllowed, '').trim()))
}

function partsOfSandbox(trials: Trials): Finding[] {
  const { architecture, support, networkProblem, hasFilter, settings } = trials
  const overlay = 'overlay mounts'
  const filter = 'system call filter'
  const network = 'private networks'
  if (!support.available) {
    return [overlay, filter, network].map((feature) => no(feature, [{ why: noSandbox }]))
  }
  const [noOverlay = ''] = support.missing
  const newer = settings.isRoot ? '' : ' Linux 5.11 and newer let ordinary users mount them.'
  return [
    support.tools.overlay === null
      ? weaker(overlay, `${noOverlay}${newer}`)
      : yes(overlay, 'a session works on its own copy of the working folder and package caches'),
    hasFilter
      ? yes(filter, `what a container may call, for ${architecture}`)
      : weaker(filter, `there is none for ${architecture}; a sandbox does without`),
    networkProblem === ''
      ? yes(network, 'a server has its ports and 127.0.0.1 to itself')
      : no(network, obstacles(trials, networkProblem)),
  ]
}

/** Whether private networks lead anywhere. */
function outboundFinding(trials: Trials): Finding {
  const { platform, support, networkProblem, outboundProblem, slirp, tun } = trials
  const feature = 'outbound'
  if (platform !== 'linux') return no(feature, [{ why: noSandbox }])
  const found: Obstacle[] = []
  if (slirp === undefined) {
    found.push({ why: 'slirp4netns is not installed', help: install('slirp4netns', trials) })
  }
  found.push(...tunObstacles(trials, tun))
  if (!support.available || networkProblem !== '') found.push({ why: 'it takes private networks' })
  if (found.length === 0 && outboundProblem !== '') {
    found.push({ why: `slirp4netns brings no private network up: ${outboundProblem}` })
  }
  return found.length > 0
    ? no(feature, found)
    : yes(feature, `private networks lead out through ${slirp ?? ''}`)
}

function tunObstacles({ settings }: Trials, tun: Tun): Obstacle[] {
  const device = '/dev/net/tun'
  switch (tun) {
    case 'usable':
      return []
    case 'missing': {
      const help = settings.isContainer
        ? `docker run --device ${device} …`
        : sudo('modprobe tun', settings)
      return [{ why: `there is no ${device}`, help }]
    }
    case 'refused': {
      const help = sudo(`chmod 0666 ${device}`, settings)
      return [{ why: `${device} may not be opened by this user`, help }]
    }
  }
}

function limitFinding(limit: Enforcement): Finding {
  const feature = `${limitPrefix}${limit.limit}`
  return limit.by === null ? no(feature, [{ why: limit.why }]) : yes(feature, limit.by)
}

function obstacles({ platform, settings }: Trials, problem: string): Obstacle[] {
  return platform === 'linux' ? obstaclesTo(problem, settings) : [{ why: problem }]
}

function install(name: string, { installer, settings }: Trials): string {
  return sudo(`${installer} ${name}`, settings)
}

const yes = (feature: string, reason: string): Finding => ({
  feature,
  state: 'yes',
  reason,
  helps: [],
})

const weaker = (feature: string, reason: string, helps: string[] = []): Finding => ({
  feature,
  state: 'weaker',
  reason,
  helps,
})

const no = (feature: string, found: Obstacle[]): Finding => ({
  feature,
  state: 'no',
  reason: join(found),
  helps: found.flatMap(({ help }) => help ?? []),
})

const join = (found: Obstacle[]): string => found.map(({ why }) => why).join('; and ')

const inWords = (names: string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`
