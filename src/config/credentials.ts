import type { Credential, ServerCredentials, Template } from '../ground/credentials.ts'
import { isHeaderName, isHeaderValue, placeholderOf } from '../ground/credentials.ts'
import type { Entry, EntryContext } from './entry-context.ts'
import { fillTemplate, type Scope } from './placeholders.ts'
import type { Path } from './problems.ts'

/** Gathers what an entry takes for each session, and fills what it does not. */
export interface Taking {
  /** The value of `key`, filled; undefined where a part of it is known only when a session opens. */
  text(into: 'env' | 'headers', key: string, value: string, scope: Scope): string | undefined
  /** What was put off until then; undefined where nothing was. */
  credentials(): ServerCredentials | undefined
}

export function createTaking(entry: Entry, context: EntryContext): Taking {
  const { options, where } = entry
  const { problems, secrets } = context
  const taken = { env: new Map<string, Template>(), headers: new Map<string, Template>() }
  const clientHeaders = options.credentialHeaders.map((name) => name.toLowerCase())
  const authorizer = options.authorizerConfiguration ?? context.authorizer
  for (const [index, name] of options.credentialHeaders.entries()) {
    const wrong = clientHeaderProblem(name)
    if (wrong !== undefined) problems.add([...where, 'credentialHeaders', index], wrong)
  }

  /** Why there can never be a value. */
  function problemOf({ kind, name }: Credential): string | undefined {
    const isOfToken = kind === 'claim' || kind === 'userSecret'
    if (isOfToken && authorizer === 'none') {
      return 'is of the user of a token, but this server asks for none. Give it an authorizerConfiguration (local, to try it out).'
    }
    if (kind === 'header' && !clientHeaders.includes(name.toLowerCase())) {
      return `is no header of this server. Write credentialHeaders: [${name}] beside it.`
    }
    if (kind === 'secret' && secrets !== undefined && !secrets.hasShared(name)) {
      return `is nowhere: put it under shared in secrets.file, or name the variable ${name} in secrets.fromEnv.`
    }
    if (kind === 'userSecret' && secrets !== undefined && !secrets.hasUsers) {
      return 'is looked up in secrets.file or by secrets.command, and neither is there.'
    }
    return undefined
  }

  return {
    text(into, key, value, scope) {
      const at: Path = [...where, into, key]
      const template = fillTemplate(value, scope, (why) => problems.add(at, why))
      const places = template.filter((part) => typeof part !== 'string')
      const name = into === 'headers' ? key.toLowerCase() : key
      taken[into].delete(name)
      const texts = template.filter((part) => typeof part === 'string').join('')
      if (places.length === 0) return texts
      for (const place of places) {
        const wrong = problemOf(place)
        if (wrong !== undefined) problems.add(at, `${placeholderOf(place)} ${wrong}`)
      }
      if (scope.port !== undefined && texts.includes('${PORT}')) {
        problems.add(at, 'has ${PORT} beside a credential. Give the server one variable for each.')
      }
      if (into === 'headers' && !isHeaderValue(texts)) problems.add(at, unfitValue)
      taken[into].set(name, template)
      return undefined
    },

    credentials() {
      const { env, headers } = taken
      if (env.size + headers.size + clientHeaders.length === 0) return undefined
      return {
        env: Object.fromEntries(env),
        headers: Object.fromEntries(headers),
        clientHeaders: [...new Set(clientHeaders)],
      }
    },
  }
}

export const unfitValue = 'its value has a character that no header may have, such as a line break.'

/** What is Berth's or the connection's own, or a login that is not for a server to see. */
const logins = ['authorization', 'cookie', 'dpop', 'proxy-authorization']
const needed =
  /^(host|connection|content-.*|transfer-encoding|accept.*|origin|expect|te|trailer|upgrade|keep-alive|user-agent|last-event-id|mcp-.*|x-berth-.*|access-control-.*|sec-.*)$/

function clientHeaderProblem(name: string): string | undefined {
  const lower = name.toLowerCase()
  if (!isHeaderName(name)) return 'is no name that a header can have. Example: X-GitHub-Token'
  if (logins.includes(lower)) {
    return `is how a client logs in to Berth, and no server is to see that. Let clients send a header of another name, such as X-Server-${name}.`
  }
  if (needed.test(lower)) return 'is needed for other things. Take a name such as X-GitHub-Token.'
  return undefined
}
