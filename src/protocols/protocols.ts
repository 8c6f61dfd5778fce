import type { ProtocolName } from '../ground/paths.ts'
import { createAgentcore } from './agentcore.ts'
import { createInvocations } from './invocations.ts'
import { mcp } from './mcp.ts'
import type { AgentcoreDialect } from './options.ts'
import type { Protocol } from './protocol.ts'
import { stateless } from './stateless.ts'

/** How the servers are spoken to at one kind of paths. */
export interface Protocols {
  of(server: Speaking): Protocol
  /** Where it is not known which server is meant. */
  usual: Protocol
  /** Of agents that speak no MCP. */
  invocations: Protocol
}

export interface Speaking {
  protocol: ProtocolName
  mode: 'stateful' | 'stateless'
}

/** At `/servers/…`. */
export const serverProtocols: Protocols = protocols(mcp, createInvocations(undefined))

/** At `/runtimes/…`. */
export function runtimeProtocols(dialect: AgentcoreDialect): Protocols {
  return protocols(createAgentcore(dialect), createInvocations(dialect))
}

function protocols(usual: Protocol, invocations: Protocol): Protocols {
  const ofStateless = stateless(usual)
  return {
    of({ protocol, mode }) {
      if (protocol === 'http') return invocations
      return mode === 'stateless' ? ofStateless : usual
    },
    usual,
    invocations,
  }
}
