import type { SeccompProfile } from '../../src/workers/sandbox/seccomp-program.ts'

/** A seccomp profile of Moby, as far as it is needed here. */
export interface MobyProfile {
  defaultAction: string
  defaultErrnoRet: number
  syscalls: MobyRule[]
}

export interface MobyRule {
  names: string[]
  action: string
  errnoRet?: number
  args?: { index: number; value: number; valueTwo?: number; op: string }[]
  includes?: MobyCondition
  excludes?: MobyCondition
}

interface MobyCondition {
  caps?: string[]
  /** As Go calls them. */
  arches?: string[]
  minKernel?: string
}

/** Name of a call → its number. */
export type CallNumbers = ReadonlyMap<string, number>

type Answer =
  | { kind: 'allowed' }
  | { kind: 'failing'; errno: number }
  | { kind: 'allowedIf'; argument: number; mask?: number; oneOf: number[] }

const arches = ['amd64', 'arm64'] as const
const maxSpelledOut = 64

/**
 * The profile for a container without any capability, on a kernel that is no older than any that a
 * rule asks for. It throws for what `SeccompProfile` cannot say.
 */
export function resolveProfile(
  moby: MobyProfile,
  numbers: Record<(typeof arches)[number], CallNumbers>,
): SeccompProfile {
  if (moby.defaultAction !== 'SCMP_ACT_ERRNO') throw new Error('the profile allows by default')
  const answers = arches.map((arch) => answersFor(moby, arch))
  const names = [...new Set(answers.flatMap((found) => [...found.keys()]))].sort()
  const resolved = names.flatMap((name) => {
    const perArch = arches.map((arch, index) => {
      const answer = answers[index]?.get(name)
      return { answer, number: answer && numbers[arch].get(name) }
    })
    const known = perArch.filter(({ number }) => number !== undefined)
    const [first] = known
    if (first?.answer === undefined) return []
    const texts = new Set(known.map(({ answer }) => JSON.stringify(answer)))
    if (texts.size > 1) throw new Error(`${name} is not the same on ${arches.join(' and ')}`)
    const call = `${name}:${perArch.map(({ number }) => number ?? '-').join('/')}`
    return [{ call, answer: first.answer }]
  })
  return {
    allowed: resolved
      .filter(({ answer }) => answer.kind === 'allowed')
      .map(({ call }) => call)
      .join(' '),
    allowedIf: resolved.flatMap(({ call, answer }) => {
      if (answer.kind !== 'allowedIf') return []
      const { argument, mask, oneOf } = answer
      return [{ call, argument, ...(mask === undefined ? {} : { mask }), oneOf }]
    }),
    failing: resolved.flatMap(({ call, answer }) =>
      answer.kind === 'failing' ? [{ call, errno: answer.errno }] : [],
    ),
    errno: moby.defaultErrnoRet,
  }
}

function answersFor(moby: MobyProfile, arch: string): Map<string, Answer> {
  const answers = new Map<string, Answer>()
  for (const rule of moby.syscalls.filter((rule) => isMeant(rule, arch))) {
    for (const name of rule.names) {
      answers.set(name, merge(answers.get(name), answerOf(rule, moby.defaultErrnoRet), name))
    }
  }
  return answers
}

/** As `setupSeccomp` in Moby's seccomp_linux.go decides it. */
function isMeant({ includes, excludes }: MobyRule, arch: string): boolean {
  if (excludes?.arches?.includes(arch) || excludes?.minKernel) return false
  if (includes?.arches?.length && !includes.arches.includes(arch)) return false
  return !includes?.caps?.length
}

function answerOf(rule: MobyRule, defaultErrno: number): Answer {
  const [first, ...more] = rule.args ?? []
  if (rule.action === 'SCMP_ACT_ERRNO' && first === undefined) {
    return { kind: 'failing', errno: rule.errnoRet ?? defaultErrno }
  }
  if (rule.action !== 'SCMP_ACT_ALLOW' || more.length > 0) throw cannotSay(rule)
  if (first === undefined) return { kind: 'allowed' }
  const { index: argument, value, valueTwo = 0, op } = first
  if (op === 'SCMP_CMP_EQ') return { kind: 'allowedIf', argument, oneOf: [value] }
  if (op === 'SCMP_CMP_MASKED_EQ') {
    return { kind: 'allowedIf', argument, mask: value, oneOf: [valueTwo] }
  }
  if (op === 'SCMP_CMP_LT' && value <= maxSpelledOut) {
    return { kind: 'allowedIf', argument, oneOf: Array.from({ length: value }, (_, at) => at) }
  }
  throw cannotSay(rule)
}

/** Several rules for one call: each of them allows. */
function merge(before: Answer | undefined, now: Answer, name: string): Answer {
  if (before === undefined || JSON.stringify(before) === JSON.stringify(now)) return now
  if (before.kind === 'failing' || now.kind === 'failing') {
    throw new Error(`the profile says two things about ${name}`)
  }
  if (before.kind === 'allowed') return before
  if (now.kind === 'allowed') return now
  if (before.argument !== now.argument || before.mask !== now.mask) {
    throw new Error(`the profile asks two things of ${name}`)
  }
  return { ...now, oneOf: [...before.oneOf, ...now.oneOf] }
}

function cannotSay({ names, action, args }: MobyRule): Error {
  return new Error(`no words for this rule: ${JSON.stringify({ names, action, args })}`)
}
