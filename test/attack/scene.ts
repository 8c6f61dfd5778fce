import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'
import type { Attack, Scene, Try } from './attack.ts'
import type { Stage } from './stage.ts'
import { openStage, servers } from './stage.ts'

export function createScene(
  owner: Owner,
  shared: SharedStage,
  attack: Attack,
  tell: (each: Try) => void,
): Scene {
  let count = 0
  const folder = (): string => {
    const made = join(tempDir(owner), String((count += 1)))
    mkdirSync(made)
    return made
  }
  return {
    after: (ending) => owner.after(ending),
    gateway: () => shared.take(),
    own: (config, { folder: given = folder(), ...options } = {}) =>
      openStage(owner, given, config, options),
    folder,
    tried(what, held, evidence = '') {
      const text = typeof evidence === 'string' ? evidence : JSON.stringify(evidence)
      tell({ attack, what, held, evidence: text.slice(0, 400) })
    },
  }
}

/** The gateway that attacks share; another one is started when it was harmed. */
export interface SharedStage {
  take(): Promise<Stage>
  isUnharmed(): Promise<boolean>
}

export function createSharedStage(owner: Owner): SharedStage {
  let current: Stage | undefined
  return {
    async take() {
      current ??= await openStage(owner, tempDir(owner), { mcpServers: servers })
      return current
    },
    async isUnharmed() {
      if (current === undefined) return true
      const isUnharmed = await current.isUnharmed()
      if (!isUnharmed) current = undefined
      return isUnharmed
    },
  }
}
