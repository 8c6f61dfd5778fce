import { credentialsOf, placeholderOf } from '../ground/credentials.ts'
import type { Server } from '../sessions/server.ts'
import { showSize } from '../ground/size.ts'
import type { LimitName, Limits, LocalLaunch } from '../workers/driver.ts'
import { listed } from './problems.ts'

/**
 * One line on how a server is started and isolated, for `serve` and `check`. It has no values of
 * the environment and no words that look like a secret.
 */
export function describeServer(server: Server): string {
  const { launch, lifecycle, name } = server
  const facts =
    launch.kind === 'inside'
      ? ['each with a session and an isolation of its own']
      : launch.kind === 'remote'
        ? ['remote', 'shared by its sessions', ...protocolTexts(server)]
        : [
            transportText(launch),
            ...protocolTexts(server),
            isolationText(server.driver, launch),
            folderText(server.cwd),
            ...limitTexts(launch.limits),
            ...preloadTexts(server.driver, launch),
          ]
  const taken = credentialsOf(server.credentials).map(placeholderOf)
  if (taken.length > 0) facts.push(`takes ${listed(taken)} for each session`)
  facts.push(...warmTexts(server))
  facts.push(`idle ${duration(lifecycle.idleMs)}`, `at most ${duration(lifecycle.maxMs)}`)
  return `${name}: ${launch.shown} (${facts.join(', ')})`
}

function warmTexts({ warm, coldBecause }: Server): string[] {
  if (coldBecause !== undefined) return [`none kept warm: ${coldBecause.replace(/\.$/, '')}`]
  if (warm === undefined) return []
  const { min, max } = warm
  return [`${min === max ? min : `${min} to ${max}`} kept warm`]
}

function protocolTexts({ protocol, mode }: Server): string[] {
  if (protocol === 'http') return ['no MCP but invocations']
  return mode === 'stateless' ? ['stateless'] : []
}

function transportText(launch: { transport: string; port?: number; relay: boolean }): string {
  if (launch.transport === 'stdio') return 'stdio'
  const port = launch.port === undefined ? '$PORT' : `port ${launch.port}`
  return `http on ${port}${launch.relay ? ' behind its keeper' : ''}`
}

function isolationText(driver: string, { sandbox }: LocalLaunch): string {
  const { network, outbound } = sandbox
  if (network === 'host') return driver
  if (network === 'none') return `${driver} without a network`
  return `${driver} in a private network${outbound ? '' : ' that leads nowhere'}`
}

function preloadTexts(driver: string, { preload }: LocalLaunch): string[] {
  if (preload === undefined) return []
  const place = driver === 'sandbox' ? ' outside of its sandbox' : ''
  return [
    `forked with ${preload === 'auto' ? 'what it imports' : listed([...preload])} loaded${place}`,
  ]
}

function limitTexts({ memoryBytes, cpus, pids, diskBytes, openFiles }: Limits): string[] {
  const set: [LimitName, number | undefined][] = [
    ['memory', memoryBytes],
    ['cpus', cpus],
    ['pids', pids],
    ['disk', diskBytes],
    ['openFiles', openFiles],
  ]
  return set.flatMap(([name, value]) => (value === undefined ? [] : [limitText(name, value)]))
}

const limitWords: Record<LimitName, (value: number) => string> = {
  memory: (bytes) => `${showSize(bytes)} of memory`,
  cpus: (cores) => `${cores} ${cores === 1 ? 'core' : 'cores'}`,
  pids: (count) => `${count} processes`,
  disk: (bytes) => `${showSize(bytes)} of disk`,
  openFiles: (count) => `${count} open files`,
}

/** `512MiB of memory`, `1 core`. */
export const limitText = (name: LimitName, value: number): string => limitWords[name](value)

const folderText = (cwd: string): string =>
  cwd === 'session' ? 'in a folder of each session' : `in ${cwd}`

/** `90 s`, `15 min`, `8 h`. */
export function duration(ms: number): string {
  const seconds = ms / 1000
  if (seconds % 3600 === 0) return `${seconds / 3600} h`
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`
}

const secret = '(?:token|secret|passw|api[-_]?key|authorization|credential|private[-_]?key)'

/** What a secret mostly looks like in an argument or a URL; a placeholder is none. */
const masks: readonly [RegExp, string][] = [
  [/(:\/\/)[^/@\s]*@/g, '$1…@'],
  [/\b(bearer|basic)\s+(?!\$\{)[^\s"']+/gi, '$1 …'],
  [
    new RegExp(`([\\w.-]*${secret}[\\w.-]*\\s*[=:]\\s*)(?!\\$\\{|bearer|basic|-)[^\\s&"']+`, 'gi'),
    '$1…',
  ],
  [new RegExp(`(\\$\\{[^}:]*${secret}[^}:]*:-)[^}]*`, 'gi'), '$1…'],
]

const masked = (text: string): string =>
  masks.reduce((left, [pattern, instead]) => left.replaceAll(pattern, instead), text)

/** The command line with its placeholders as they were written, and what looks secret left out. */
export function shownCommand(command: string, args: readonly string[]): string {
  // Some write a whole line as the command; its parts are hidden like arguments.
  const line = shownWords(command.split(/(?<=\s)(?=\S)/)).join('')
  return [line, ...shownWords(args)].map(oneWord).join(' ')
}

/** Words of a command line, with what looks secret left out. */
export function shownWords(words: readonly string[]): string[] {
  const secretFlag = new RegExp(`^--?[\\w-]*${secret}[\\w-]*$`, 'i')
  return words.map((word, index) => {
    const isValue = secretFlag.test((words[index - 1] ?? '').trim()) && !/^(-|\$\{)/.test(word)
    return isValue ? '…' : masked(word)
  })
}

/** A URL as it was written, without a password, and with placeholders only in its query. */
export function shownUrl(url: string): string {
  return masked(url).replaceAll(/([?&][^=&]*=)(?!\$\{)[^&]*/g, '$1…')
}

/** Quoted where a shell would need it, on one line, and not endless. */
function oneWord(word: string): string {
  const short = word.length > 120 ? `${word.slice(0, 119)}…` : word
  return /^[\w@%+=:,./~${}…-]+$/.test(short) ? short : JSON.stringify(short)
}
