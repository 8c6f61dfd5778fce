import type { Static } from 'typebox'

import type { AuthorizerSetting } from '../auth/options.ts'
import type { Tree } from './check.ts'
import type { Environment } from './environment.ts'
import type { Path, Problems } from './problems.ts'
import type { serverOptions } from './schema.ts'
import type { ReadSecrets } from './secrets.ts'

export type ServerOptions = Static<typeof serverOptions>

/** What is known while the entries of `mcpServers` are read, and where to say what is wrong. */
export interface EntryContext {
  /** Folder that relative paths start from. */
  base: string
  /** The file itself; it holds secrets. */
  file: string | undefined
  homeDir: string
  env: Environment
  /** Only `${PORT}` is a placeholder. */
  literal: boolean
  /** Undefined when they are wrong. */
  secrets: ReadSecrets | undefined
  /** Of servers that have none of their own. */
  authorizer: AuthorizerSetting
  /** Checked: the same keys as an entry. */
  defaults: Tree
  problems: Problems
  warnings: string[]
}

/** An entry that is checked but for what its placeholders become. */
export interface Entry {
  name: string
  where: Path
  options: ServerOptions
}
