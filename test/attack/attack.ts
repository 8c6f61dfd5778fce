import type { Scene } from './scene.ts'

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
