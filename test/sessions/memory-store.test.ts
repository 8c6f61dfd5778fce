import { createMemoryStore } from '../../src/sessions/stores/memory.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { storeSuite } from '../suites/store.ts'

storeSuite('memory', () => {
  const clock = fakeClock()
  const store = createMemoryStore({ clock })
  return Promise.resolve({ store, nowMs: clock.now, advance: (ms) => clock.advanceSettling(ms) })
})
