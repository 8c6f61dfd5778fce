import { statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { readStamp, writeStamp } from './cache.ts'
import { findExecutable, isExecutable, runCommand } from './command.ts'
import { NeedError } from './need.ts'
import type { Need, Place, Site } from './need.ts'

type Version = readonly [major: number, minor: number]

interface Stamp extends Place {
  first: string
}

interface Answer {
  executable: string
  version: string
  major: number
  minor: number
}

// sys.executable and not the path that was run: a shim of pyenv is a shell script that takes ten
// times as long, and a worker behind it would be two processes.
const question = `
import json, sys, venv
v = sys.version_info
print(json.dumps({"executable": sys.executable, "version": "%d.%d.%d" % v[:3],
                  "major": v[0], "minor": v[1]}))
`

/** A Python on PATH, new enough and able to make virtual environments. */
export function pythonInterpreter<const N extends string>(options: {
  name: N
  why: string
  atLeast: Version
}): Need<N> {
  const wanted = options.atLeast.join('.')
  return {
    name: options.name,
    why: options.why,
    kind: 'test',
    variable: `BERTH_TEST_${options.name.toUpperCase()}`,
    byHand:
      process.platform === 'darwin'
        ? 'brew install python'
        : 'apt-get install python3 python3-venv',
    find: (site) => find(site, options.atLeast),
    fetch: () => Promise.reject(new NeedError(`no Python ${wanted} or newer with venv on PATH`)),
  }
}

async function find(site: Site, atLeast: Version): Promise<Place | undefined> {
  const candidates = candidatesOn(site.env['PATH'] ?? '', atLeast)
  const [first] = candidates
  if (first === undefined) return undefined

  const file = join(site.cacheDir, `python-${atLeast.join('.')}.json`)
  const fingerprint = `${first} ${statSync(first).mtimeMs} ${site.env['PYENV_VERSION'] ?? ''}`
  const stamp = readStamp(file) as Stamp | undefined
  if (stamp?.first === fingerprint && isExecutable(stamp.path)) {
    return { path: stamp.path, detail: stamp.detail }
  }
  for (const candidate of candidates) {
    const { ok, stdout } = await runCommand(candidate, ['-c', question], site)
    const answer = ok ? (JSON.parse(stdout) as Answer) : undefined
    if (answer === undefined || !isNewEnough(answer, atLeast)) continue
    const place = { path: answer.executable, detail: answer.version }
    await writeStamp(file, { first: fingerprint, ...place } satisfies Stamp)
    return place
  }
  return undefined
}

function candidatesOn(path: string, [major, minor]: Version): string[] {
  const folders = path.split(delimiter).filter((folder) => folder !== '')
  const plain = folders.map((folder) => findExecutable('python3', folder))
  const later = Array.from({ length: 10 }, (_, index) => `python${major}.${minor + 9 - index}`)
  const named = later.map((name) => findExecutable(name, path))
  return [...new Set([...plain, ...named].filter((found) => found !== undefined))]
}

function isNewEnough(answer: Answer, [major, minor]: Version): boolean {
  return answer.major > major || (answer.major === major && answer.minor >= minor)
}
