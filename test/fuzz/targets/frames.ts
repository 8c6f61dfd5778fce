import { linkSync, renameSync } from 'node:fs'
import type { Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import fc from 'fast-check'

import { frameHeadBytes, frames, framesPath, lastStream } from '../../../src/ground/frames.ts'
import { createMarkers } from '../../../src/workers/markers.ts'
import { atEnd } from '../../support/at-end.ts'
import { compiled } from '../../support/config.ts'
import { eventually } from '../../support/eventually.ts'
import type { Owner } from '../../support/temp.ts'
import { tempDir } from '../../support/temp.ts'
import { tryBatches } from '../fuzz.ts'
import { createLane } from '../lane.ts'
import { startStand } from '../stand.ts'
import type { Target } from '../target.ts'
import { nastyBytes } from '../values.ts'
import { openNeighbour } from './neighbour.ts'

/** A frame of any type, of any stream, that is as long as it says or not. */
const frame = fc
  .record({
    type: fc.constantFrom(...Object.values(frames), 0, 255),
    stream: fc.constantFrom(0, 1, 2, 3, 50, 100_000, lastStream),
    payload: nastyBytes,
    more: fc.constantFrom(0, 0, 0, 1, 5, 2 ** 31),
  })
  .map(({ type, stream, payload, more }) => {
    const head = Buffer.alloc(frameHeadBytes)
    head.writeUInt32BE(payload.length + more)
    head[4] = type
    head.writeUInt32BE(stream, 5)
    return Buffer.concat([head, payload])
  })

/** What happens to what is on its way between a gateway and a keeper. */
const mishap = fc.record({
  side: fc.constantFrom('gateway', 'keeper'),
  /** To which piece of what that side says from now on. */
  piece: fc.constantFrom(0, 0, 0, 1, 2),
  what: fc.constantFrom('cut', 'cut within', 'other bytes', 'more bytes', 'twice'),
  at: fc.nat(600),
  bytes: fc.oneof(
    frame,
    frame,
    nastyBytes.map((bytes) => Buffer.from(bytes)),
  ),
})
type Mishap = typeof mishap extends fc.Arbitrary<infer T> ? T : never

/** How long a connection goes on that was spoilt: what is lost on it nobody would ever know. */
const goesOnMs = 15
const size = 50
const server = 'attacked'

/** A connection that lives, while the gateway asks a keeper of several sessions over it. */
export const liveFrames: Target = {
  name: 'frames',
  about: 'connections of frames between a gateway and a keeper that are cut or spoilt on the way',
  share: 200,
  async run(t, cases) {
    const stand = await startStand(t, {
      servers: {
        [server]: {
          command: ['node', compiled('test/fixtures/workers/tells-who.js')],
          // A worker that waits is asked over frames only when it has become a session.
          warm: { min: 1, max: 1, maxAgeMs: 3_600_000 },
          graceMs: 200,
        },
      },
    })
    const neighbour = await openNeighbour(stand, server)
    const between = standBetween(t)
    const markers = createMarkers(join(stand.stateDir, 'workers'))
    const intercepted = (): Promise<void> =>
      eventually(() => {
        const waiting = markers.all().find((marker) => marker.isWarm === true)
        if (waiting === undefined) throw new Error('no worker waits')
        between.take(String(waiting.handle['socketPath']))
      })
    const lane = createLane(stand.mcp(server))

    await tryBatches('frames', cases, { made: mishap, size }, async (batch) => {
      for (const one of batch) {
        between.next = undefined
        if (!lane.isOpen()) {
          await intercepted()
          await lane.call()
        }
        between.next = { ...one }
        await Promise.all([lane.call(), neighbour.check()])
        between.cut()
      }
      between.next = undefined
      await lane.call()
      await stand.check()
    })
    if (between.met() * 2 < cases.count) throw new Error(`only ${between.met()} were met`)
    await lane.end()
  },
}

interface Between {
  /** What happens next. */
  next: Mishap | undefined
  /** How many have happened. */
  met(): number
  /** From now on everything that goes to this socket passes here. */
  take(socketPath: string): void
  /** Ends the connections of frames that there are. */
  cut(): void
}

/** Listens where keepers did. */
function standBetween(t: Owner): Between {
  const folder = tempDir(t)
  const taken = new Set<string>()
  const spoilt = new Set<() => void>()
  const sockets = new Set<Socket>()
  let met = 0

  /** @returns what goes on in its place, and whether the connection is over at once, or soon */
  function meet(one: Mishap, chunk: Buffer): { bytes: Buffer[]; isLast: boolean } {
    met += 1
    const at = one.at % chunk.length
    const [before, behind] = [chunk.subarray(0, at), chunk.subarray(at)]
    switch (one.what) {
      case 'cut':
        return { bytes: [], isLast: true }
      case 'cut within':
        return { bytes: [before], isLast: true }
      case 'other bytes':
        return { bytes: [before, one.bytes, behind.subarray(one.bytes.length)], isLast: false }
      case 'more bytes':
        return { bytes: [before, one.bytes, behind], isLast: false }
      case 'twice':
        return { bytes: [chunk, chunk], isLast: false }
    }
  }

  function lead(gateway: Socket, keeper: Socket): void {
    const end = (): void => {
      for (const socket of [gateway, keeper]) socket.destroy()
      spoilt.delete(end)
    }
    let isFrames: boolean | undefined
    let isAnswered = false
    const pass = (side: Mishap['side'], to: Socket, chunk: Buffer): void => {
      const one = between.next
      const isOne = isFrames === true && isAnswered && one?.side === side
      if (!isOne || one.piece > 0) {
        if (isOne) one.piece -= 1
        to.write(chunk)
        return
      }
      between.next = undefined
      const { bytes, isLast } = meet(one, chunk)
      for (const each of bytes) to.write(each)
      if (isLast) end()
      else void sleep(goesOnMs).then(end)
    }
    gateway.on('data', (chunk: Buffer) => {
      isFrames ??= chunk.toString('latin1').includes(framesPath)
      if (isFrames) spoilt.add(end)
      pass('gateway', keeper, chunk)
    })
    keeper.on('data', (chunk: Buffer) => {
      pass('keeper', gateway, chunk)
      isAnswered = true
    })
    for (const socket of [gateway, keeper]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', end)
    }
  }

  const between: Between = {
    next: undefined,
    met: () => met,
    take(socketPath) {
      if (taken.has(socketPath)) return
      const [real, own] = [join(folder, `${taken.size}`), join(folder, `${taken.size}.own`)]
      linkSync(socketPath, real)
      taken.add(socketPath)
      const listening = createServer((gateway) => lead(gateway, connect(real)))
      listening.listen(own)
      // In one step: the gateway may be about to say something to the keeper.
      renameSync(own, socketPath)
      atEnd(t, () => {
        listening.close()
        for (const socket of sockets) socket.destroy()
      })
    },
    cut: () => {
      for (const end of spoilt) end()
    },
  }
  return between
}
