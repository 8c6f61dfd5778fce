import { credentialsOf, placeholderOf } from '../ground/credentials.ts'
import type { Server } from '../sessions/server.ts'
import { warmWish } from '../workers/options.ts'
import type { Tree } from './check.ts'
import type { Entry, EntryContext } from './entry-context.ts'
import type { Launched } from './launch.ts'
import { listed } from './problems.ts'

/**
 * How many workers are started ahead of sessions. What cannot be is a mistake where the server itself
 * asks for it; what `defaults` ask for is not meant for such a server.
 *
 * @param own the keys of the server itself
 */
export function readWarm(
  { options, where }: Entry,
  launched: Launched,
  own: Tree,
  { problems }: EntryContext,
): Pick<Server, 'warm' | 'coldBecause'> {
  const { warm } = options
  if (typeof warm === 'object' && (warm.min ?? 0) > (warm.max ?? Infinity)) {
    problems.add([...where, 'warm', 'max'], `is less than min (${warm.min ?? 0}).`)
  }
  const wish = warmWish(warm)
  const why = wish === undefined ? undefined : whyCold(launched)
  if (why === undefined) return { warm: wish }
  if (own.warm !== undefined) {
    problems.add([...where, 'warm'], `there is none ahead of its session: ${why} Take it out.`)
  }
  return { warm: undefined, coldBecause: why }
}

function whyCold({ driver, launch, credentials }: Launched): string | undefined {
  if (launch.kind !== 'local') return 'nothing is started for a url.'
  const taken = credentialsOf(credentials).map(placeholderOf)
  if (taken.length > 0) {
    const keys = [...Object.keys(credentials?.env ?? {})].map((name) => `env.${name}`)
    return `${listed(keys.length > 0 ? keys : taken)} ${keys.length > 1 ? 'are' : 'is'} known only when a session opens (${listed(taken)}).`
  }
  if (credentials !== undefined) return 'credentialHeaders are known only when a session opens.'
  const isAlone = driver === 'process' || launch.sandbox.network !== 'private'
  if (launch.port !== undefined && isAlone) {
    return `one worker at a time has port ${launch.port}; with isolation: sandbox and network: private each has its own.`
  }
  return undefined
}
