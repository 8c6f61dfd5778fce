import type { QuotasConfig } from '../proxy/options.ts'
import { quotaKeys, quotaOptions } from '../proxy/options.ts'
import { isMap, readSlice, type Tree } from './check.ts'
import type { Path, Problems } from './problems.ts'
import { listed } from './problems.ts'

/** @returns undefined where nothing is limited, or anything is wrong */
export function readQuotas(written: unknown, problems: Problems): QuotasConfig | undefined {
  const path: Path = ['quotas']
  const groups =
    isMap(written) && Array.isArray(written.groups) ? (written.groups as unknown[]) : []
  const before = problems.found.length
  for (const [at, group] of groups.entries()) {
    if (isMap(group)) checkGroup(group, [...path, 'groups', at], problems)
  }
  if (problems.found.length > before) return undefined
  const quotas = readSlice(quotaOptions, written ?? {}, path, problems)
  if (quotas === undefined) return undefined
  const isLimited = quotas.groups.length > 0 || Object.keys(quotas.principal).length > 0
  return isLimited ? quotas : undefined
}

/** What the schema has no words for. */
function checkGroup(group: Tree, path: Path, problems: Problems): void {
  if (group.claim === undefined || group.any === undefined) {
    problems.add(
      path,
      'does not say who is in it. Example: { claim: groups, any: [students], sessions: 20 }',
    )
  } else if (Array.isArray(group.any) && group.any.length === 0) {
    problems.add([...path, 'any'], 'is empty, so nobody is in it. Example: any: [students]')
  } else if (!quotaKeys.some((key) => group[key] !== undefined)) {
    problems.add(path, `limits nothing. Give it a number: ${listed(quotaKeys, 'or')}.`)
  }
}
