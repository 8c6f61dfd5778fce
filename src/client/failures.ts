import { StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpError, UrlElicitationRequiredError } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'

import { messageOf } from '../ground/errors.ts'
import { plainLine } from '../ground/terminal.ts'
import { whyUnreached } from '../ground/unreached.ts'
import { WrongVersion } from './connect.ts'
import { endingOf, endingText, isLocal } from './endings.ts'
import { whyNotOffered } from './links.ts'
import { HttpFailure, LinkLost, NotMcp, Redirected } from './link.ts'
import { Silence } from './patience.ts'

/** Something went wrong, and `message` tells the user all of it. */
export class Failure extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'Failure'
  }
}

/** Turns whatever a connection to `url` may throw into a sentence for people. */
export function toFailure(error: unknown, url: URL): Failure {
  return error instanceof Failure ? error : new Failure(plainLine(sentence(error, url)), error)
}

function sentence(error: unknown, url: URL): string {
  const ending = endingOf(error)
  if (ending?.why !== undefined) return endingText(ending, url)
  if (error instanceof HttpFailure) return httpSentence(error, url)
  if (error instanceof Redirected) {
    return `${url.href} redirects to ${error.target.href} (${error.status}). If that is the MCP server, give its URL.`
  }
  if (error instanceof NotMcp) {
    return `${url.href} is no MCP endpoint: it answered with ${error.what}. ${pathHint}`
  }
  if (error instanceof LinkLost) {
    const said = error.cause instanceof HttpFailure ? error.cause.said : undefined
    const why = said ?? 'The server or its session is gone.'
    return `The connection to ${url.host} ended before the answer came. ${why}`
  }
  if (error instanceof WrongVersion) return `${error.message}.`
  if (error instanceof Silence) return `${error.message}. Give it longer with --timeout SECONDS.`
  if (error instanceof UrlElicitationRequiredError) {
    const pages = error.elicitations.map(({ message, url: page }) => pageText(message, page))
    return `The server wants you to visit a page first, and then to call again: ${pages.join('; ')}`
  }
  if (error instanceof McpError) {
    // The SDK of either side may have put this before what was really said.
    const said = error.message.replaceAll(`MCP error ${error.code}: `, '')
    return `The server answered with error ${error.code}: ${said}`
  }
  if (error instanceof StreamableHTTPError) {
    return `${url.href} answers, but not as an MCP server does. ${error.message}`
  }
  if (error instanceof z.core.$ZodError || error instanceof SyntaxError) {
    return `${url.href} answers, but what it says is not MCP. ${pathHint}`
  }
  return networkSentence(error, url)
}

function pageText(message: string, page: string): string {
  const refusal = URL.canParse(page) ? whyNotOffered(new URL(page)) : 'That is no address.'
  return [message, page, refusal].filter((text) => text !== undefined).join(' ')
}

const pathHint = 'Is the path right? Most servers are at /mcp.'

function httpSentence(failure: HttpFailure, url: URL): string {
  const { status, said, what, code = '', hadToken, hadSession } = failure
  const page = what === undefined ? '' : ` It sent ${what}.`
  const more = said === undefined ? page : ` It says: ${said}`
  if (adminCodes.has(code)) {
    return `${url.host} is the address of Berth's admin API (${status}). Servers are at the other port, the one that serve names first.`
  }
  switch (status) {
    case 401:
      return hadToken
        ? `${url.href} does not take the Authorization that was sent (401).${more || ' It does not say why.'}`
        : `${url.href} wants to know who you are (401). Give --header 'Authorization: Bearer …'.${more}`
    case 403:
      return `${url.href} does not let you in (403).${more}`
    case 404:
      if (hadSession) return `The session at ${url.href} is over (404).${more}`
      return `There is no MCP server at ${url.href} (404). Berth serves each at /servers/NAME/mcp.${more}`
    case 429:
      return `${url.href} takes no more from you now (429). Try again later.${more}`
    case 503:
      return `${url.href} ${unavailableText(code)}${workerHint(failure, url)}${more}`
    default:
      return `${url.href} answered with HTTP status ${status}.${workerHint(failure, url)}${more}`
  }
}

const adminCodes = new Set(['ERR_ADMIN_NOT_FOUND', 'ERR_AUTH_ADMIN_TOKEN'])

function unavailableText(code: string): string {
  switch (code) {
    case 'ERR_SESSIONS_FULL':
    case 'ERR_SESSIONS_QUEUE_FULL':
    case 'ERR_WORKERS_DISK':
    case 'ERR_WORKERS_MEMORY':
    case 'ERR_WORKERS_NO_ROOM':
      return 'has no room now (503). Try again later.'
    case 'ERR_SESSIONS_STORE':
      return 'cannot serve this now (503): its store of sessions does not answer. Try again later.'
    case 'ERR_AUTH_SECRETS':
    case 'ERR_AUTH_PROVIDER':
      return "cannot serve this now (503). Its operator has to look into the gateway's log."
    default:
      return 'cannot serve this now (503).'
  }
}

/** Why a worker did not start is told to its operator alone, who may be the one that asks. */
function workerHint({ code = '' }: HttpFailure, url: URL): string {
  return isLocal(url) && /^ERR_(WORKERS|PROXY_WORKER)_/.test(code)
    ? ' mcp-berth logs shows why, and so does mcp-berth sessions show ID (mcp-berth sessions --all has the ID).'
    : ''
}

function networkSentence(error: unknown, url: URL): string {
  // What fetch throws when there is no answer at all.
  const isUnreached = error instanceof TypeError && error.cause instanceof Error
  const why = isUnreached ? whyUnreached(error, url) : undefined
  if (why !== undefined) return `${capital(why, url)}.${hintFor(why, url)}`
  return isUnreached
    ? `${url.host} could not be reached: ${messageOf(error.cause)}`
    : messageOf(error)
}

/** As a sentence begins; a name stays as it is. */
const capital = (text: string, { hostname }: URL): string =>
  text.startsWith(hostname) ? text : text.charAt(0).toUpperCase() + text.slice(1)

function hintFor(why: string, { host, pathname, search }: URL): string {
  if (why.startsWith('nothing listens')) {
    return ' Is Berth running? Start it with: mcp-berth serve'
  }
  return why.endsWith('not https://') ? ` Use http://${host}${pathname}${search}` : ''
}
