import { limitText } from '../config/describe.ts'
import type { Gateway } from '../gateway.ts'

/** A limit of a server: what enforces it, or why nothing does. */
export type SetLimit = NonNullable<ReturnType<Gateway['enforcements']['get']>>[number]

/** What enforces the limits of one server, and what is not enforced; each is left out if empty. */
export interface LimitTexts {
  /** `512MiB of memory and 1 core by cgroup v2, 1024 open files by rlimit (ulimit -n)` */
  enforced: string | undefined
  /** `1GiB of disk (why)`, one for each reason. */
  lacking: string[]
}

export function limitTexts(limits: readonly SetLimit[]): LimitTexts {
  const by = new Map<string, string[]>()
  const lacking = new Map<string, string[]>()
  for (const limit of limits) {
    const [texts, key] = limit.by === null ? [lacking, limit.why] : [by, limit.by]
    texts.set(key, [...(texts.get(key) ?? []), limitText(limit.limit, limit.value)])
  }
  const enforced = [...by].map(([means, texts]) => `${inSentence(texts)} by ${means}`).join(', ')
  return {
    enforced: enforced === '' ? undefined : enforced,
    lacking: [...lacking].map(([why, texts]) => `${inSentence(texts)} (${why})`),
  }
}

/** The same as lines for people, below the line of their server. */
export function limitLines(
  limits: readonly SetLimit[],
  { dim, yellow }: Record<'dim' | 'yellow', (text: string) => string>,
): string[] {
  const { enforced, lacking } = limitTexts(limits)
  return [
    ...(enforced === undefined ? [] : [dim(`  limits: ${enforced}`)]),
    ...lacking.map((text) => yellow(`  not enforced: ${text}`)),
  ]
}

/** `a, b and c` */
function inSentence(texts: readonly string[]): string {
  const last = texts.at(-1) ?? ''
  return texts.length < 2 ? last : `${texts.slice(0, -1).join(', ')} and ${last}`
}
