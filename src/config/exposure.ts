import type { AuthorizerSetting } from '../auth/options.ts'
import { isLoopback } from '../ground/loopback.ts'
import { listed } from './problems.ts'

export const adminIsLocal =
  'the admin listener is for this machine alone. Take a loopback address (127.0.0.1), and a tunnel to it from elsewhere.'

/** What decides whether other machines may reach the gateway. */
export interface ExposureRules {
  allowAnonymous: string
  /** The servers that let everybody in. */
  open: readonly string[]
}

export function exposureRules(
  allowAnonymous: string,
  authorizers: Readonly<Record<string, AuthorizerSetting>>,
): ExposureRules {
  const open = Object.entries(authorizers).filter(([, setting]) => setting === 'none')
  return { allowAnonymous, open: open.map(([name]) => name) }
}

/**
 * What is to be said of a public listener on this address: nothing, if it is a loopback one, or if
 * every server asks who is there.
 */
export function exposureOf(
  host: string,
  { allowAnonymous, open }: ExposureRules,
): { problem?: string; warning?: string } {
  if (isLoopback(host) || open.length === 0) return {}
  if (allowAnonymous === 'any-address') {
    return {
      warning: `Whoever reaches ${host} may use ${listed(open)} without proof of who they are (allowAnonymous: any-address).`,
    }
  }
  return {
    problem: `other machines can reach this address, there is no authorizer for ${listed(open)}, and so anybody could start workers and use what they can do. Write authorizerConfiguration, listen on 127.0.0.1 behind a proxy that asks who is there, or write allowAnonymous: any-address (on the command line --allow-anonymous any-address) if the whole network may.`,
  }
}
