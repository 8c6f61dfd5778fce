import { describe } from 'node:test'

import { changing } from './store/changing.ts'
import { claiming } from './store/claiming.ts'
import { creating } from './store/creating.ts'
import { leasing } from './store/leasing.ts'
import { naming } from './store/naming.ts'
import { restoring } from './store/restoring.ts'
import type { CreateStore } from './store/rig.ts'
import { telling } from './store/telling.ts'

/**
 * The contract of `src/sessions/store.ts`: every store passes it.
 *
 * @param skip why it cannot be tried here
 */
export function storeSuite(name: string, create: CreateStore, skip: string | false = false): void {
  describe(`the store ${name}`, { skip }, () => {
    creating(create)
    naming(create)
    changing(create)
    restoring(create)
    claiming(create)
    leasing(create)
    telling(create)
  })
}
