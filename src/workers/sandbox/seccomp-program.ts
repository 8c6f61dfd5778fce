/**
 * Which system calls may be made, by name and number. A call is written `name:number/number`: its
 * number on x86-64 and on arm64, `-` where it does not exist or is not meant. Calls are separated
 * by white space.
 */
export interface SeccompProfile {
  allowed: string
  /** Allowed if the argument (from 0), under the mask where there is one, is one of these. */
  allowedIf: readonly {
    call: string
    argument: number
    /** Without it all 64 bits count. */
    mask?: number
    oneOf: readonly number[]
  }[]
  /** Calls that fail in a way of their own. */
  failing: readonly { call: string; errno: number }[]
  /** What all others fail with. */
  errno: number
}

export interface SeccompTarget {
  /** Which of the two numbers. */
  column: 0 | 1
  /** AUDIT_ARCH_… of linux/audit.h. */
  auditArch: number
}

/** `struct sock_filter` of linux/filter.h. */
type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number]

// linux/bpf_common.h
const loadWord = 0x20
const and = 0x54
const jumpIfEqual = 0x15
const jumpIfAtLeast = 0x35
const giveVerdict = 0x06

// linux/seccomp.h: offsets in struct seccomp_data, and verdicts.
const callOffset = 0
const archOffset = 4
const argumentOffset = 16
const allow: Instruction = [giveVerdict, 0, 0, 0x7fff0000]
const killProcess: Instruction = [giveVerdict, 0, 0, 0x80000000]
const failWith = (errno: number): Instruction => [giveVerdict, 0, 0, 0x00050000 | errno]

const enosys = 38

/**
 * The profile as a program for seccomp(2), little endian.
 *
 * A process that calls in the way of another architecture (32-bit programs) is killed: the same
 * numbers mean other calls there. A number above all that the profile knows fails with ENOSYS, so
 * that a libc that is newer than the profile falls back, as container runtimes do it; the numbers
 * of x32 are among these.
 */
export function seccompProgram(profile: SeccompProfile, target: SeccompTarget): Buffer {
  const program: Instruction[] = [
    load(archOffset),
    [jumpIfEqual, 1, 0, target.auditArch],
    killProcess,
    load(callOffset),
    ...ranges(answers(profile, target.column), [failWith(profile.errno)]),
    failWith(enosys),
  ]
  const bytes = Buffer.alloc(program.length * 8)
  for (const [index, [code, ifTrue, ifFalse, operand]] of program.entries()) {
    const at = index * 8
    bytes.writeUInt16LE(code, at)
    bytes.writeUInt8(ifTrue, at + 2)
    bytes.writeUInt8(ifFalse, at + 3)
    bytes.writeUInt32LE(operand, at + 4)
  }
  return bytes
}

/** Number of a call → instructions that end with a verdict. */
function answers(profile: SeccompProfile, column: 0 | 1): Map<number, Instruction[]> {
  const found = new Map<number, Instruction[]>()
  const answer = (calls: string, instructions: Instruction[]): void => {
    for (const call of calls.trim().split(/\s+/)) {
      const number = call.split(':')[1]?.split('/')[column]
      if (number !== '-') found.set(Number(number), instructions)
    }
  }
  answer(profile.allowed, [allow])
  for (const { call, errno } of profile.failing) answer(call, [failWith(errno)])
  for (const condition of profile.allowedIf) {
    answer(condition.call, checkArgument(condition, failWith(profile.errno)))
  }
  return found
}

/**
 * In ascending order, neighbours with the same answer sharing it. Each range is jumped over by the
 * numbers above it, so that no jump is too far for its one byte.
 */
function ranges(answers: Map<number, Instruction[]>, otherwise: Instruction[]): Instruction[] {
  const end = Math.max(...answers.keys()) + 1
  const answerAt = (number: number): Instruction[] => answers.get(number) ?? otherwise
  const program: Instruction[] = []
  for (let from = 0, to = 1; from < end; from = to++) {
    const answer = answerAt(from)
    while (to < end && isSame(answerAt(to), answer)) to++
    program.push([jumpIfAtLeast, answer.length, 0, to], ...answer)
  }
  return program
}

function checkArgument(
  condition: SeccompProfile['allowedIf'][number],
  refuse: Instruction,
): Instruction[] {
  const { argument, mask, oneOf } = condition
  const lowWord = argumentOffset + argument * 8
  return [
    ...(mask === undefined ? [load(lowWord + 4), jumpUnlessZero(oneOf.length + 1)] : []),
    load(lowWord),
    ...(mask === undefined ? [] : [[and, 0, 0, mask] as const]),
    ...oneOf.map((value, index): Instruction => [jumpIfEqual, oneOf.length - index, 0, value]),
    refuse,
    allow,
  ]
}

function load(offset: number): Instruction {
  return [loadWord, 0, 0, offset]
}

function jumpUnlessZero(distance: number): Instruction {
  return [jumpIfEqual, 0, distance, 0]
}

function isSame(one: Instruction[], other: Instruction[]): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}
