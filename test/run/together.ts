import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import type { TestFile } from './files.ts'

/**
 * Folders whose files run in one process, one after the other: what they test takes less time than
 * it takes a process to load it. Nothing in them may change what belongs to the process.
 */
const folders = [
  'config',
  'ground',
  'protocols',
  'workers/doctor',
  'workers/keeper',
  'auth',
  'admin',
  'demo',
  'sessions',
  'agentcore',
  'proxy',
]

/** The same files, but those of such a folder as one. */
export function putTogether(files: TestFile[]): TestFile[] {
  const groups = new Map<string, [TestFile, ...TestFile[]]>()
  const single: TestFile[] = []
  for (const file of files) {
    const folder = folders.find((name) => file.name.startsWith(`${name}/`))
    const group = folder === undefined ? undefined : groups.get(folder)
    if (folder === undefined || file.alone) single.push(file)
    else if (group === undefined) groups.set(folder, [file])
    else group.push(file)
  }
  return [...[...groups].map(([folder, group]) => asOne(folder, group)), ...single]
}

function asOne(folder: string, files: [TestFile, ...TestFile[]]): TestFile {
  const [first] = files
  if (files.length === 1) return first
  const output = first.compiled.slice(0, -first.name.length)
  const compiled = join(output, `${folder.replaceAll('/', '-')}.together.js`)
  const imports = files.map((file) => `import '${pathToFileURL(file.compiled).href}'\n`)
  writeFileSync(compiled, imports.join(''))
  return { name: folder, compiled, alone: false }
}
