import type { Owner } from '../support/temp.ts'
import type { OwnOptions, Stage } from './stage.ts'

/** Where an attack strikes; the report has one table for each, in this order. */
export const sections = {
  front: 'The HTTP front',
  tokens: 'Tokens and ownership',
  bodies: 'Bodies of clients',
  inside: 'What a worker or Redis says',
  memory: 'Memory',
  fairness: 'Places and fairness',
  disk: 'Disk',
  walls: 'Walls',
  terminal: 'The terminal',
  answers: 'Right answers',
} as const

export type Section = keyof typeof sections

/** What an attack may use. Whatever it starts ends with it. */
export interface Scene extends Owner {
  /** A gateway with a bystander, shared by attacks until one of them ends it. */
  gateway(): Promise<Stage>
  /** One of this attack's own. Its folder is empty, unless the attack has put something there. */
  own(config: Record<string, unknown>, options?: OwnOptions): Promise<Stage>
  folder(): string
  /** Tells of one thing that was tried, and whether Berth held. */
  tried(what: string, held: boolean, evidence?: unknown): void
}

/** One kind of attack, in all the ways in which it is tried. */
export interface Attack {
  section: Section
  /** What is tried, as the report says it. */
  tries: string
  /** What Berth does. */
  does: string
  /** Takes long or much memory: `npm run attack` alone tries it. */
  isLong?: true
  /** What it needs of this machine; without that it is not tried, and the report says so. */
  needs?: 'sandbox' | 'redis-server' | 'python3'
  run(scene: Scene): Promise<void>
}

/** One thing that was tried. */
export interface Try {
  attack: Attack
  what: string
  held: boolean
  /** What came back, shortened. */
  evidence: string
}

/** What came of an attack as a whole. */
export interface Outcome {
  attack: Attack
  tries: Try[]
  /** Why it was not tried. */
  missing?: string
}
