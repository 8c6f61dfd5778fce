import type { Attack } from '../attack.ts'
import { answers } from './answers.ts'
import { bodies } from './bodies.ts'
import { disk } from './disk.ts'
import { fairness } from './fairness.ts'
import { front } from './front.ts'
import { inside } from './inside.ts'
import { memory } from './memory.ts'
import { store } from './store.ts'
import { terminal } from './terminal.ts'
import { tokens } from './tokens.ts'
import { walls } from './walls.ts'

export const attacks: readonly Attack[] = [
  ...front,
  ...tokens,
  ...bodies,
  ...inside,
  ...store,
  ...memory,
  ...fairness,
  ...disk,
  ...walls,
  ...terminal,
  ...answers,
]
