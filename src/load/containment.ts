import type { Judged } from './verdict.ts'

export type AttemptOutcome = 'stopped' | 'got-through' | 'not-tried'

/** What came of one attempt to break out. */
export interface Attempt {
  outcome: AttemptOutcome
  how: string
}

/** Attempts to break out of a worker, for each way of isolating one. */
export interface Containment {
  columns: string[]
  rows: { name: string; about: string; attempts: Partial<Record<string, Attempt>> }[]
  /** Only where a level was required. */
  required: (Judged & { level: Level; column: string }) | null
}

/** What may be required: that all is stopped but what such a worker shares with the machine. */
export const levels = {
  sandbox: ['connect-port', 'connect-abstract'],
  'private-network': [],
} as const satisfies Record<string, readonly string[]>
export type Level = keyof typeof levels
export const levelNames = Object.keys(levels) as Level[]

export function judgeContainment(
  { rows }: Pick<Containment, 'rows'>,
  level: Level,
  column: string,
): Judged {
  const allowed: readonly string[] = levels[level]
  const judged = rows.flatMap(({ name, attempts }) => {
    const attempt = attempts[column]
    return attempt === undefined || allowed.includes(name) ? [] : [{ name, ...attempt }]
  })
  const through = judged.filter(({ outcome }) => outcome === 'got-through')
  if (through.length > 0) {
    const reasons = through.map(({ name, how }) => `${name} got through: ${how}.`)
    return { verdict: 'FAIL', reasons }
  }
  if (!judged.some(({ outcome }) => outcome === 'stopped')) {
    return { verdict: 'INCONCLUSIVE', reasons: [`Nothing was tried in ${column}.`] }
  }
  return { verdict: 'PASS', reasons: [] }
}
