import type { TestFile } from './files.ts'

const whole = Number.MAX_SAFE_INTEGER

/**
 * Folders whose files share processes, and how many files share one. They run one after the other:
 * what they test takes less time than it takes a process to load it. Nothing in them may change
 * what belongs to the process for longer than a test.
 */
const shared: readonly (readonly [folder: string, files: number])[] = [
  ['chaos', 1],
  ['proxy', whole],
  ['sessions', whole],
  ['demo', whole],
  ['client', whole],
  ['telemetry', whole],
  ['agentcore', whole],
  ['cli', 6],
  ['e2e', 5],
  ['keeper', whole],
  ['workers/doctor', whole],
  ['workers', 8],
  ['load', 4],
  ['needs', 3],
  ['run', 2],
  ['support', whole],
  ['auth', whole],
  ['admin', whole],
  ['config', whole],
  ['ground', whole],
  ['protocols', whole],
]

/** Single files that take as long as a room: what begins last leaves processors with nothing to do. */
const long: readonly string[] = ['fuzz/fuzz.test.ts', 'attack/attack.test.ts']

/**
 * Which files run together, each group in a process of its own. Long ones come first.
 *
 * @param atLeast how many groups there are to be, if there are as many files: a room alone uses
 *     more than one processor, too
 */
export function groupsOf(files: readonly TestFile[], atLeast: number): TestFile[][] {
  const left = new Set(files)
  const groups = shared.flatMap(([folder, size]) => {
    const found = [...left].filter(({ name, alone }) => !alone && name.startsWith(`${folder}/`))
    for (const file of found) left.delete(file)
    return inParts(found, size)
  })
  const single = [...left].map((file) => [file])
  const isLong = ([file]: TestFile[]): boolean => long.includes(file?.name ?? '')
  const all = [...single.filter(isLong), ...groups, ...single.filter((group) => !isLong(group))]
  while (all.length < Math.min(atLeast, files.length)) {
    const largest = all.reduce((one, other) => (other.length > one.length ? other : one))
    all.splice(all.indexOf(largest), 1, ...inParts(largest, Math.ceil(largest.length / 2)))
  }
  return all
}

function inParts<T>(list: readonly T[], size: number): T[][] {
  const count = Math.ceil(list.length / size)
  return Array.from({ length: count }, (_, part) => list.filter((_, at) => at % count === part))
}
