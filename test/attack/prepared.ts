import { projectDir } from '../bench/nginx.ts'
import { cacheDirOf } from '../needs/cache.ts'
import { environmentOf, prepareNeeds } from '../needs/prepare.ts'
import type { NeedName } from '../needs/table.ts'
import { needs } from '../needs/table.ts'
import { needed } from '../support/needs.ts'

/** Finds what attacks need, as `npm run unit` does, for a program that is started by itself. */
export async function prepareForAttacks(signal: AbortSignal): Promise<void> {
  const { env } = process
  const wanted = needs.filter(({ name }) =>
    ['redis-server', 'bubblewrap', 'python3'].includes(name),
  )
  const cacheDir = cacheDirOf(projectDir, env)
  const outcomes = await prepareNeeds(wanted, { projectDir, cacheDir, env, signal })
  Object.assign(process.env, environmentOf(outcomes, env))
}

/** Where it is. Only for an attack that has it among its needs. */
export function prepared(name: NeedName): string {
  const found = needed(name)
  if (found.skip !== false) throw new Error(found.skip)
  return found.path
}
