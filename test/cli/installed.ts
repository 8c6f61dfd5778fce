import { mkdirSync, symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'

import { compiled } from '../support/config.ts'

export interface Installed {
  /** The link that leads to the program. */
  command: string
  /** Where it is found by its name, and which says nothing of npm, with which tests are run. */
  env: NodeJS.ProcessEnv
}

/** The built program as `npm install -g` leaves it: a link in a folder of PATH, here below `root`. */
export function installed(root: string, name = 'mcp-berth'): Installed {
  const bin = join(root, 'bin')
  mkdirSync(bin, { recursive: true })
  const command = join(bin, name)
  symlinkSync(compiled('src/cli/main.js'), command)
  const own = Object.entries(process.env).filter(([key]) => !key.startsWith('npm_'))
  const path = [bin, process.env['PATH']].join(delimiter)
  return { command, env: { ...Object.fromEntries(own), PATH: path } }
}
