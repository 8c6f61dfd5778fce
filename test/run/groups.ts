import type { TestFile } from './files.ts'

const all = Number.MAX_SAFE_INTEGER

/**
 * Folders whose files share processes, and how many files share one. They run one after the other:
 * what they test takes less time than it takes a process to load it. Nothing in them may change
 * what belongs to the process for longer than a test.
 */
const shared: readonly (readonly [folder: string, files: number])[] = [
  ['chaos', 1],
  ['proxy', all],
  ['sessions', all],
  ['demo', all],
  ['client', all],
  ['telemetry', all],
  ['agentcore', all],
  ['cli', 6],
  ['e2e', 5],
  ['keeper', all],
  ['workers/doctor', all],
  ['workers', 8],
  ['load', 4],
  ['needs', 3],
  ['run', 2],
  ['support', all],
  ['auth', all],
  ['admin', all],
  ['config', all],
  ['ground', all],
  ['protocols', all],
]

/** Which files run together, each group in a process of its own. Long ones come first. */
export function groupsOf(files: readonly TestFile[]): TestFile[][] {
  const left = new Set(files)
  const groups = shared.flatMap(([folder, size]) => {
    const found = [...left].filter(({ name, alone }) => !alone && name.startsWith(`${folder}/`))
    for (const file of found) left.delete(file)
    return inParts(found, size)
  })
  return [...groups, ...[...left].map((file) => [file])]
}

function inParts<T>(whole: readonly T[], size: number): T[][] {
  const count = Math.ceil(whole.length / size)
  return Array.from({ length: count }, (_, part) => whole.filter((_, at) => at % count === part))
}
