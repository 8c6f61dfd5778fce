import { GatewayError } from '../errors.ts'

/** A server by the name that AgentCore has for it. */
export interface Runtime {
  /** `arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/ID` */
  runtimeArn: string
}

export interface RuntimeQuery {
  qualifier?: unknown
  accountId?: unknown
}

/** The only endpoint that a runtime has here: the one that AgentCore makes with it. */
const endpoint = 'DEFAULT'

/** Finds runtimes by what stands in a path: a whole ARN, or an id with `accountId` in the query. */
export function createRuntimes<R extends Runtime>(runtimes: readonly R[]) {
  const byArn = new Map(runtimes.map((runtime) => [runtime.runtimeArn, runtime]))

  /** @throws ERR_AGENTCORE_NO_AGENT, ERR_AGENTCORE_VALIDATION */
  return function find(named: string, { qualifier = endpoint, accountId }: RuntimeQuery): R {
    const found = named.startsWith('arn:') ? byArn.get(named) : byId(named, accountId)
    if (found !== undefined && qualifier === endpoint) return found
    throw new GatewayError('ERR_AGENTCORE_NO_AGENT', {
      params: { qualifier: shown(qualifier), agent: named },
    })
  }

  function byId(id: string, accountId: unknown): R | undefined {
    if (typeof accountId !== 'string' || !/^[0-9]{12}$/.test(accountId)) {
      const why =
        'An agent id needs its account: add accountId=, twelve digits, to the query, or give the whole ARN.'
      throw new GatewayError('ERR_AGENTCORE_VALIDATION', { params: { why } })
    }
    return runtimes.find(({ runtimeArn }) => runtimeArn.endsWith(`:${accountId}:runtime/${id}`))
  }
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : '')
