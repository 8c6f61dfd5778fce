import { describe } from 'node:test'

import { changing } from './store/changing.ts'
import { claiming, telling } from './store/claiming.ts'
import { creating } from './store/creating.ts'
import type { CreateStore } from './store/rig.ts'

/** The contract of `src/sessions/store.ts`: every store passes it. */
export function storeSuite(name: string, create: CreateStore): void {
  describe(`the store ${name}`, () => {
    creating(create)
    changing(create)
    claiming(create)
    telling(create)
  })
}
