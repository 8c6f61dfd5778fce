import { GatewayError } from '../ground/errors.ts'
import type { LaunchOrigin, ListensElsewhere, LocalLaunch } from './driver.ts'

/*
 * What the operator can do about a start that failed, in words of the place where the launch was
 * written: options of the command line, or keys of a file.
 */

type Keys = Readonly<Record<string, string | number>>

/** With these each session has the port to itself. */
export const ownNetwork: Keys = { isolation: 'sandbox', network: 'private' }

/** What a server that listens there has to be started with. */
export function keysFor({ port, speaks }: ListensElsewhere, launch: LocalLaunch): Keys {
  const isPlain = launch.isPlain === true
  const protocol =
    speaks === 'agent' && !isPlain ? 'http' : speaks === 'mcp' && isPlain ? 'mcp' : undefined
  return {
    ...(protocol === undefined ? {} : { protocol }),
    // A port on the command line is that of an HTTP server, and so is an agent's.
    ...(launch.transport === 'http' || protocol === 'http' || isFromCommandLine(launch.origin)
      ? {}
      : { transport: 'http' }),
    port,
  }
}

/** As they are written there: `--port 8000`, or `transport: http and port: 8000`. */
export function shownKeys(keys: Keys, origin: LaunchOrigin | undefined): string {
  const words = Object.entries(keys).map(([name, value]) =>
    isFromCommandLine(origin) ? `--${name} ${value}` : `${name}: ${value}`,
  )
  return isFromCommandLine(origin) ? words.join(' ') : listed(words)
}

const isFromCommandLine = (origin: LaunchOrigin | undefined): boolean =>
  origin?.isCommandLine === true

const use = (origin: LaunchOrigin | undefined): string =>
  isFromCommandLine(origin) ? 'Use' : 'Set'

/** For a fixed port that is in use. */
export function portTakenAdvice(origin: LaunchOrigin | undefined): string {
  const instead = isFromCommandLine(origin) ? '--http in place of --port' : 'transport: http alone'
  return `${use(origin)} ${shownKeys(ownNetwork, origin)} to give each session the port to itself. Or let the server listen on the port that it finds in PORT (${instead}); fastmcp run FILE does.`
}

/**
 * For a server that listens elsewhere.
 *
 * @param port on which it should; null for a stdio server
 */
export function listensElsewhere(
  launch: LocalLaunch,
  listens: ListensElsewhere,
  { port, lastLines = [] }: { port: number | null; lastLines?: readonly string[] },
): GatewayError {
  const { origin, shown: command } = launch
  const keys = keysFor(listens, launch)
  const wanted = `${use(origin)} ${shownKeys(keys, origin)}`
  const hasOwnNetwork = launch.sandbox.network !== 'host'
  const isFree = port !== null && launch.port === undefined && !hasOwnNetwork
  const many = shownKeys({ ...keys, ...ownNetwork }, origin)
  const advice = [
    ...(listens.speaks === 'sse' ? [sseText] : []),
    hasOwnNetwork
      ? `${wanted}.`
      : `${wanted} for one session at a time, or ${many} for many at once.`,
    ...(isFree ? ['Or let it listen on the port that it finds in PORT.'] : []),
    ...(listens.speaks === 'unknown' ? ['If it only takes longer, raise startTimeoutMs.'] : []),
  ].join(' ')
  const place = isFree ? `the port in PORT (${port})` : `port ${port ?? ''}`
  const instead = port === null ? 'and says nothing on stdio' : `and not on ${place}`
  return new GatewayError('ERR_WORKERS_LISTENS_ELSEWHERE', {
    params: { command, where: shownListener(listens), instead, advice },
    details: { command, listens, ...(lastLines.length === 0 ? {} : { lastLines }) },
  })
}

/** A sentence, with a space before it, where a server that has to speak HTTP may speak stdio. */
export function stdioHint(
  { transport, origin }: LocalLaunch,
  { exitCode, lastLines }: { exitCode: number | null; lastLines: readonly string[] },
): string {
  const saysSo = lastLines.some((line) => /\bstdio\b|"jsonrpc"/i.test(line))
  if (transport !== 'http' || !(exitCode === 0 || saysSo)) return ''
  return isFromCommandLine(origin)
    ? ' If it speaks stdio, leave out --http.'
    : ' If it speaks stdio, take out transport: http.'
}

/** `0.0.0.0:8000`, `[::1]:8000` */
function shownListener({ address, port }: ListensElsewhere): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

const sseText =
  'It speaks HTTP+SSE, which Berth does not carry: let it serve Streamable HTTP (FastMCP: transport="streamable-http").'

/** `a, b and c`. */
function listed(words: readonly string[]): string {
  if (words.length < 2) return words.join('')
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`
}
