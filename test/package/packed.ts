import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { promisify } from 'node:util'

import { plain } from '../cli/berth.ts'
import type { Outcome } from '../cli/berth.ts'
import { tempDir } from '../support/temp.ts'
import type { Owner } from '../support/temp.ts'

const run = promisify(execFile)
const projectDir = join(import.meta.dirname, '..', '..', '..')

export interface Packed {
  /** What is in the package, relative to it. */
  files: string[]
  /** Where it was installed, in an otherwise empty folder. */
  dir: string
  /** Has npx run `mcp-berth` or `berth` in that folder, as a user does, without a network. */
  npx(name: string, args: string[]): Promise<Outcome>
}

/**
 * What `npm pack` makes of this project and its build, installed. Its dependencies are those of the
 * project, so that nothing is fetched; those that only developers have are not there.
 */
export async function installPacked(t: Owner): Promise<Packed> {
  const root = tempDir(t)
  const stage = join(root, 'project')
  copyProject(stage)
  const cache = { npm_config_cache: join(root, 'npm'), npm_config_update_notifier: 'false' }
  const env = { ...plain(process.env), ...cache, npm_config_offline: 'true' }
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', root]
  const { stdout } = await run('npm', pack, { cwd: stage, env })

  const folder = join(root, 'app')
  const modules = join(folder, 'node_modules')
  const dir = join(modules, 'mcp-berth')
  mkdirSync(dir, { recursive: true })
  await run('tar', ['-xzf', join(root, stdout.trim()), '-C', dir, '--strip-components', '1'])
  const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as {
    bin: Record<string, string>
    dependencies: Record<string, string>
  }
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(projectDir, 'node_modules', name), join(modules, name))
  }
  mkdirSync(join(modules, '.bin'))
  for (const [name, file] of Object.entries(manifest.bin)) {
    symlinkSync(join('..', 'mcp-berth', file), join(modules, '.bin', name))
  }
  const files = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))

  return {
    files,
    dir,
    async npx(name, args) {
      const home = { HOME: root, XDG_STATE_HOME: join(root, 'state') }
      const options = { cwd: folder, env: { ...env, ...home } }
      try {
        return { code: 0, ...(await run('npx', [name, ...args], options)) }
      } catch (thrown) {
        return thrown as Outcome
      }
    },
  }
}

/** What was built of sources that are gone meanwhile is left out, as `prepack` removes it. */
function copyProject(to: string): void {
  const isLeftOut = (path: string): boolean => {
    const [top = '', next] = path.split(sep)
    if (['node_modules', '.git', '.cache'].includes(top)) return true
    if (top !== 'dist') return false
    if (next !== undefined && next !== 'src') return true
    const source = path.replace(/^dist\//, '').replace(/(\.js|\.d\.ts)(\.map)?$/, '.ts')
    return /\.(js|ts|map)$/.test(basename(path)) && !existsSync(join(projectDir, source))
  }
  cpSync(projectDir, to, {
    recursive: true,
    filter: (from) => !isLeftOut(relative(projectDir, from)),
  })
}
