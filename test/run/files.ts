import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export interface TestFile {
  /** Path below `test/`, as in the source. */
  name: string
  compiled: string
  /** Runs after all others, with nothing beside it. */
  alone: boolean
}

/**
 * The test files that have a source, so that what an old build left behind is never run, and
 * whose name contains one of the filters, if there are any.
 *
 * @throws if one was not compiled, or a filter fits none.
 */
export function selectFiles(projectDir: string, filters: string[]): TestFile[] {
  const all = sourcesIn(join(projectDir, 'test')).map((name) => ({
    name,
    compiled: join(projectDir, 'dist', 'test', name.replace(/ts$/, 'js')),
    alone: name.endsWith('.serial.test.ts'),
  }))
  for (const filter of filters) {
    if (!all.some(({ name }) => name.includes(filter))) {
      throw new Error(`no test file has ${filter} in its name`)
    }
  }
  const chosen = filters.length === 0 ? all : all.filter((file) => fits(file, filters))
  const unbuilt = chosen.find(({ compiled }) => !existsSync(compiled))
  if (unbuilt !== undefined) throw new Error(`test/${unbuilt.name} is not built: npm run build`)
  return chosen
}

function fits({ name }: TestFile, filters: string[]): boolean {
  return filters.some((filter) => name.includes(filter))
}

function sourcesIn(folder: string, below = ''): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true })
    .flatMap((entry) => {
      const name = join(below, entry.name)
      if (entry.isDirectory()) return sourcesIn(folder, name)
      return entry.name.endsWith('.test.ts') ? [name] : []
    })
    .sort()
}
