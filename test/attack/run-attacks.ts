import type { Owner } from '../support/temp.ts'
import type { Attack, Outcome, Try } from './attack.ts'
import type { SharedStage } from './scene.ts'
import { createScene } from './scene.ts'
import { needed } from '../support/needs.ts'

/** Why an attack cannot be tried on this machine. */
async function missingFor({ needs }: Attack): Promise<string | undefined> {
  if (needs === undefined) return undefined
  if (needs !== 'sandbox') {
    const { skip } = needed(needs)
    return skip === false ? undefined : skip
  }
  const { support } = (await import('../workers/rig.ts')).foundSandbox
  return support.available ? undefined : support.why
}

/**
 * Tries one attack in all its ways, and looks whether anybody else was harmed. It never throws: an
 * attack that cannot go on was not held.
 */
export async function tryAttack(
  owner: Owner,
  shared: SharedStage,
  attack: Attack,
): Promise<Outcome> {
  const missing = await missingFor(attack)
  const tries: Try[] = []
  if (missing !== undefined) return { attack, tries, missing }
  const scene = createScene(owner, shared, attack, (each) => tries.push(each))
  try {
    await attack.run(scene)
  } catch (error) {
    const evidence = error instanceof Error ? (error.stack ?? error.message) : String(error)
    tries.push({ attack, what: 'to go on', held: false, evidence: evidence.slice(0, 1000) })
  }
  const isUnharmed = await shared.isUnharmed()
  tries.push({ attack, what: 'the sessions beside it', held: isUnharmed, evidence: '' })
  return { attack, tries }
}
