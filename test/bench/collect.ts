import { setTimeout as sleep } from 'node:timers/promises'

/** Loaded into a gateway under measurement: collects its garbage when told, and says so. */
const collect = globalThis.gc as ((how: object) => void) | undefined

process.on('SIGUSR2', () => void collected())

async function collected(): Promise<void> {
  // What finalizers let go of is garbage only in the next round. A last resort gives pages back.
  for (let round = 0; round < 4; round += 1) {
    collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    await sleep(50)
  }
  process.stderr.write('collected\n')
}
