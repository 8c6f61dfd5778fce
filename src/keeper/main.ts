import { dirname } from 'node:path'
import { setFlagsFromString } from 'node:v8'

import { faultFrames, faultText, inBackground, onFaults, tellFault } from '../ground/guarded.ts'
import { installLastResort } from '../ground/last-resort.ts'
import { fromGateway, readBoots } from './boot.ts'
import { closeInherited } from './inherited.ts'
import type { Kept } from './kept.ts'
import { keep } from './kept.ts'
import type { PipeMaker } from './pipes.ts'
import { createPipeMaker } from './pipes.ts'
import type { House, KeeperBoot } from './protocol.ts'

/**
 * The keeper: the small process beside local workers (as containerd's shim), one or several of them.
 * It imports nothing heavy, because there may be one for every session. What it does for a worker
 * stands in `kept.ts`; here is what belongs to the process.
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
/** For so many servers the ends of their streams are made ahead. */
const pipesAtOnce = 4

/** Who listens on each socket. */
const kept = new Map<string, Kept>()
let isWatched = false
let pipes: PipeMaker | undefined
/** One that may keep several ends when nobody can give it another, and none is left. */
let isShared = false
let isClosing = false

readBoots(
  () => {
    isClosing = true
    for (const each of kept.values()) each.gatewayGone()
    leaveIfIdle()
  },
  (line) => {
    const boot = fromGateway(line) as KeeperBoot
    const { socketPath, house } = boot
    // A keeper of one keeps the first.
    if (kept.size > 0 && house === undefined) return
    isShared = house !== undefined
    const kind = keep({
      boot,
      makePipes: (its) => pipesOf(socketPath, its).take(),
      onListening: () => tellGateway(`listening ${socketPath}`),
      onServer: watchOver,
      onLeft(isGone) {
        kept.delete(socketPath)
        // The exit code tells the gateway whether it has to look for what is left.
        if (!isShared) process.exit(isGone ? 0 : 1)
        tellGateway(`left ${isGone ? 0 : 1} ${socketPath}`)
        leaveIfIdle()
      },
    })
    kept.set(socketPath, kind)
    if (house !== undefined) pipesOf(socketPath, house)
  },
)

// Whoever asks the keeper to end means its workers: it may be found in a process list and killed.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => endAll())
}
// The gateway may be gone while it still waits for a line; that must not end the keeper.
process.stdout.on('error', () => undefined)

function tellGateway(line: string): void {
  process.stdout.write(`${line}\n`)
}

function pipesOf(socketPath: string, { mkfifo }: House): PipeMaker {
  return (pipes ??= createPipeMaker(dirname(socketPath), mkfifo, pipesAtOnce))
}

function leaveIfIdle(): void {
  if (!isClosing || kept.size > 0) return
  pipes?.remove()
  process.exit(0)
}

/** Before there is a server, whoever starts it is told best by the end of this process. */
function watchOver(): void {
  if (isWatched) return
  isWatched = true
  installLastResort(process, {
    now: Date.now,
    tell,
    giveUp(why) {
      log(why)
      endAll(0)
    },
  })
}

function endAll(afterMs?: number): void {
  isClosing = true
  for (const each of kept.values()) inBackground(each.end(afterMs), onFault)
  leaveIfIdle()
}
