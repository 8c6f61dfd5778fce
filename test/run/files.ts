import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export interface TestFile {
  /** Path below `test/`, as in the source. */
  name: string
  source: string
  compiled: string
  /** Runs after all others, with nothing beside it. */
  alone: boolean
}

/**
 * The test files that have a source, so that what an old build left behind is never run, and
 * that one of the filters fits, if there are any: the name of a folder below `test/` stands for
 * what is in it, anything else for the files that have it in their names.
 *
 * @throws if one was not compiled, or a filter fits none.
 */
export function selectFiles(projectDir: string, filters: string[]): TestFile[] {
  const all = sourcesIn(join(projectDir, 'test')).map((name) => ({
    name,
    source: join(projectDir, 'test', name),
    compiled: join(projectDir, 'dist', 'test', name.replace(/ts$/, 'js')),
    alone: name.endsWith('.serial.test.ts'),
  }))
  const wanted = filters.map((filter) => ({ filter, fits: fitting(projectDir, filter) }))
  const nothing = wanted.find(({ fits }) => !all.some(fits))
  if (nothing !== undefined) {
    throw new Error(`no test file has ${nothing.filter} in its name, nor is it a folder of tests`)
  }
  const chosen =
    filters.length === 0 ? all : all.filter((file) => wanted.some(({ fits }) => fits(file)))
  const unbuilt = chosen.find(({ compiled }) => !existsSync(compiled))
  if (unbuilt !== undefined) throw new Error(`test/${unbuilt.name} is not built: npm run build`)
  return chosen
}

function fitting(projectDir: string, filter: string): (file: TestFile) => boolean {
  const folder = filter.replace(/\/*$/, '/')
  if (existsSync(join(projectDir, 'test', folder))) return ({ name }) => name.startsWith(folder)
  return ({ name }) => name.includes(filter)
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
