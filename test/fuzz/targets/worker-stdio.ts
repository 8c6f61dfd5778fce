import type { Socket } from 'node:net'

import fc from 'fast-check'

import { compiled } from '../../support/config.ts'
import { tryBatches } from '../fuzz.ts'
import { createLane } from '../lane.ts'
import { startStdioSpeaker } from '../speaker.ts'
import { startStand } from '../stand.ts'
import type { Target } from '../target.ts'
import { messageText, nastyBytes, nastyText } from '../values.ts'
import { openNeighbour } from './neighbour.ts'

/** What it writes before it answers, and whether that is before it is anybody's session. */
const said = fc.record({
  isFirst: fc.nat(39).map((luck) => luck === 0),
  lines: fc.array(fc.oneof(messageText, nastyText, nastyBytes), { minLength: 1, maxLength: 3 }),
  between: fc.constantFrom('\n', '\r\n', '', '\n\n', '\r'),
})

const size = 40

/** What a stdio server writes, before and after its answer to `initialize`. */
export const workerStdio: Target = {
  name: 'worker-stdio',
  about: 'lines of a stdio server, before and after initialize',
  share: 1000,
  async run(t, cases) {
    const speaker = await startStdioSpeaker(t)
    const stand = await startStand(t, {
      servers: {
        attacker: {
          command: ['node', compiled('test/fixtures/workers/says-anything.js')],
          env: { PATH: process.env['PATH'] ?? '', SAYS_SOCKET: speaker.socket },
          graceMs: 100,
        },
      },
    })
    // The one that may not notice: what it asks is answered as it should be.
    let own: Socket | undefined
    speaker.say = (_asked, socket) => (own = socket)
    const neighbour = await openNeighbour(stand, 'attacker')
    const lane = createLane(stand.mcp('attacker'))
    await tryBatches('worker-stdio', cases, { made: said, size }, async (batch) => {
      for (const { isFirst, lines, between } of batch) {
        speaker.say = ({ id }, socket) => {
          if (socket === own) return
          for (const line of lines) {
            const named = typeof line === 'string' ? line.replaceAll('@id@', String(id)) : line
            socket.write(named)
            socket.write(between)
          }
        }
        if (isFirst) await Promise.all([lane.openOnce(), neighbour.check()])
        else {
          // Its own session opens as it should.
          const say = speaker.say
          speaker.say = (asked, socket) => {
            if (asked.method !== 'initialize') say(asked, socket)
          }
          await lane.call()
        }
      }
      await neighbour.check()
      speaker.say = undefined
      await stand.check()
    })
    await lane.end()
  },
}
