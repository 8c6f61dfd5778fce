import { setFlagsFromString } from 'node:v8'

import { faultFrames, faultText, inBackground, onFaults, tellFault } from '../ground/guarded.ts'
import { installLastResort } from '../ground/last-resort.ts'
import { fromGateway, readBoot } from './boot.ts'
import { closeInherited } from './inherited.ts'
import type { Kept } from './kept.ts'
import { keep } from './kept.ts'
import type { KeeperBoot } from './protocol.ts'

/**
 * The keeper: the small process beside each local worker (as containerd's shim). It imports
 * nothing heavy, because there is one for every session. What it does for that one stands in
 * `kept.ts`; here is what belongs to the process.
 */

// There is a keeper for every session: under load its heap would grow by tens of MB for good.
setFlagsFromString('--semi-space-growth-factor=1')
closeInherited()

/** Its log is that of all keepers, where the gateway has put its stderr. */
const log = (what: string): boolean => process.stderr.write(`keeper ${process.pid}: ${what}\n`)
const tell = (thrown: unknown, where: string): boolean =>
  log([`${where}: ${faultText(thrown)}`, ...faultFrames(thrown)].join('\n    '))
process.stderr.on('error', () => undefined)
onFaults(({ where, thrown }) => tell(thrown, where))
const onFault = tellFault('keeping a server')

let kept: Kept | undefined

readBoot(
  () => {
    if (kept === undefined) process.exit(0)
    kept.gatewayGone()
  },
  (line) => {
    kept = keep({
      boot: fromGateway(line) as KeeperBoot,
      onListening: () => process.stdout.write('listening\n'),
      onServer: watchOver,
      // The exit code tells the gateway whether it has to look for what is left.
      onLeft: (isGone) => process.exit(isGone ? 0 : 1),
    })
  },
)

// Whoever asks the keeper to end means the worker: it may be found in a process list and killed.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => end())
}
// The gateway may be gone while it still waits for a line; that must not end the keeper.
process.stdout.on('error', () => undefined)

/** Before there is a server, whoever starts it is told best by the end of this process. */
function watchOver(): void {
  installLastResort(process, {
    now: Date.now,
    tell,
    giveUp(why) {
      log(why)
      end(0)
    },
  })
}

function end(afterMs?: number): void {
  if (kept === undefined) process.exit(0)
  inBackground(kept.end(afterMs), onFault)
}
