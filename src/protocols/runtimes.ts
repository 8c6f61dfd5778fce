import { GatewayError } from '../ground/errors.ts'

/** A server by the name that AgentCore has for it. */
export interface Runtime {
  /** `arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/ID` */
  runtimeArn: string
}

export interface RuntimeQuery {
  qualifier?: unknown
  accountId?: unknown
}

/** Finds runtimes by what stands in a path: a whole ARN, or an id with `accountId` in the query. */
export interface Runtimes<R> {
  find(named: string, query: RuntimeQuery): R | undefined
  /** Whatever the query: for what is said of a runtime and does nothing with it. */
  named(named: string): R | undefined
  /** Why `find` found nothing: ERR_AGENTCORE_NO_AGENT, ERR_AGENTCORE_VALIDATION. */
  missing(named: string, query: RuntimeQuery): GatewayError
}

/** The only endpoint that a runtime has here: the one that AgentCore makes with it. */
const endpoint = 'DEFAULT'

const isAccount = (text: unknown): text is string =>
  typeof text === 'string' && /^[0-9]{12}$/.test(text)
const isArn = (named: string): boolean => named.startsWith('arn:')

export function createRuntimes<R extends Runtime>(all: readonly R[]): Runtimes<R> {
  const byArn = new Map(all.map((runtime) => [runtime.runtimeArn, runtime]))
  const byEnd = (end: string): R | undefined =>
    all.find(({ runtimeArn }) => runtimeArn.endsWith(end))

  return {
    find(named, { qualifier = endpoint, accountId }) {
      if (qualifier !== endpoint) return undefined
      if (isArn(named)) return byArn.get(named)
      return isAccount(accountId) ? byEnd(`:${accountId}:runtime/${named}`) : undefined
    },

    named: (named) => (isArn(named) ? byArn.get(named) : byEnd(`:runtime/${named}`)),

    missing(named, { qualifier = endpoint, accountId }) {
      if (!isArn(named) && !isAccount(accountId)) {
        const why =
          'An agent id needs its account: add accountId=, twelve digits, to the query, or give the whole ARN.'
        return new GatewayError('ERR_AGENTCORE_VALIDATION', { params: { why } })
      }
      const shown = typeof qualifier === 'string' ? qualifier : ''
      return new GatewayError('ERR_AGENTCORE_NO_AGENT', {
        params: { qualifier: shown, agent: named },
      })
    },
  }
}
