import type { Static } from 'typebox'

import type { AuthorizerSetting } from '../auth/options.ts'
import type { Tree } from './check.ts'
import type { Environment } from './environment.ts'
import type { WrittenMount } from './mounts.ts'
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
  /** The other client whose file it is, if that is known. */
  client: string | undefined
  /** Whether a key that is nearly one of Berth's is a mistake, and not another client's. */
  isStrict: boolean
  /** Takes a server that cannot be served out of the list; it is said why. */
  leaveOut(name: string, where: Path, why: string): void
  /** Whether a URL leads back to this gateway. */
  isOwnAddress(url: string): boolean
  /** Checked: the same keys as an entry. */
  defaults: Tree
  /** Takes the mounts of sandboxes: they are looked at when all servers are known. */
  mounts: WrittenMount[]
  problems: Problems
  warnings: string[]
}

/** An entry that is checked but for what its placeholders become. */
export interface Entry {
  name: string
  where: Path
  options: ServerOptions
}
