import type { LaunchOrigin } from './driver.ts'

/** A worker that died at its start, as far as its last words tell why. */
export interface LastWords {
  lines: readonly string[]
  /** Names of the variables that it has. */
  given: Iterable<string>
  origin: LaunchOrigin | undefined
}

/** What its driver or its session gives it. */
const byItself = ['PORT', 'TMPDIR', 'BERTH_SESSION_ID', 'BERTH_WORKSPACE', 'BERTH_WORKER_ID']
const mostNames = 3

/**
 * A sentence, with a space before it, where a worker names a variable that it was not given; empty
 * where it names none.
 */
export function missingVariableHint({ lines, given, origin }: LastWords): string {
  const has = new Set([...given, ...byItself])
  const named = new Set(namesIn(lines, origin?.withheld ?? []))
  const missing = [...named].filter((name) => !has.has(name)).slice(0, mostNames)
  const isVague = missing.length === 0
  if (isVague && !lines.some((line) => credentials.test(line))) return ''
  const here = missing.filter((name) => origin?.withheld.includes(name))
  const nowhere = missing.filter((name) => !here.includes(name))
  const words = origin?.isCommandLine === true ? onCommandLine : inFile
  const ways = isVague
    ? [`give it what it needs with ${words.pass(['NAME'])} or ${words.vague}`]
    : [
        ...(here.length === 0 ? [] : [`hand on ${here.join(', ')} with ${words.pass(here)}`]),
        ...nowhere.map(words.give),
      ]
  return ` Workers get PATH, HOME and the like only: ${ways.join('; ')}.`
}

const onCommandLine = {
  pass: (names: string[]) => names.map((name) => `--pass-env ${name}`).join(' '),
  // Not --env: what stands there is seen in lists of processes.
  give: (name: string) =>
    `set ${name} in this shell and add --pass-env ${name} (or use --env-file FILE)`,
  vague: '--env-file FILE',
}

const inFile = {
  pass: (names: string[]) => `passEnv: [${names.join(', ')}]`,
  give: (name: string) => `give it ${name} with env: { ${name}: … } (or envFile)`,
  vague: 'env: { NAME: … } (or envFile)',
}

/** Words that stand beside the name of something that is missing. */
const lack =
  /\b(not (set|defined|found|provided|present|configured)|unset|undefined|missing|required?|must|unbound|empty|provide|environment|env vars?)\b/i

/** `Unable to locate credentials`, `missing API key`: no variable is named. */
const credentials =
  /\b(missing|no|not|unable|required?|must)\b.*\b(api[ _-]?keys?|(access|auth) tokens?|credentials)\b/i

/** What code says that reads a variable, and what Python says of one that is not there. */
const reads = [
  /\b(?:environ\.get|environ|getenv|env|ENV)\s*[.[(]\s*["'`]?([A-Z_][A-Z0-9_]{2,})\b/g,
  /\bKeyError: ["']([A-Z][A-Z0-9_]{2,})["']/g,
]

/** One word in capitals may be anything, unless it is said what it is. */
const saysVariable = [
  /\b(?:environment variables?|env vars?)[:\s]+["'`]?([A-Z][A-Z0-9_]{2,})\b/gi,
  /\b([A-Z][A-Z0-9]{2,})["'`]?:? (?:is not set|must be set|environment variable|env var|unbound variable|parameter not set)/g,
]

const inCapitals = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/
const ofErrors = /^(ERR|ERROR|E)_|_(ERROR|EXCEPTION|NOT_FOUND|FAILED)$/

function namesIn(lines: readonly string[], withheld: readonly string[]): string[] {
  // Settings libraries spell their fields in small letters.
  const here = new Map(withheld.map((name) => [name.toUpperCase(), name]))
  return lines.flatMap((line, index) => {
    const said = [...reads, ...saysVariable].flatMap((pattern) =>
      [...line.matchAll(pattern)].flatMap(([, name]) => name ?? []),
    )
    const isLack = lack.test(line)
    const isListed = lack.test(lines[index - 1] ?? '') || lack.test(lines[index + 1] ?? '')
    const words = line.match(/[A-Za-z_][A-Za-z0-9_]*/g) ?? []
    const found = words.flatMap((word, at) => {
      if (!word.includes('_')) return []
      const known = here.get(word.toUpperCase())
      if (known !== undefined) return [known]
      const isMeant = isLack || (isListed && at === 0)
      return isMeant && inCapitals.test(word) && !ofErrors.test(word) ? [word] : []
    })
    return [...said.filter((name) => name === name.toUpperCase()), ...found]
  })
}
