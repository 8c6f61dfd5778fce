import type { Config } from '../../src/config/config.ts'
import { createLogger, logEvents } from '../../src/ground/log.ts'
import { createFailingDisk } from './failing-disk.ts'
import { watchFaults } from './faults.ts'
import type { FromStand, ToStand } from './stand.ts'

/**
 * A gateway in a process of its own, with the log that it would write, that tells of whatever
 * nobody has caught, and whose disk can be made to fail.
 */
const tell = (news: FromStand): void => {
  if (process.connected) process.send?.(news)
}
watchFaults((text) => tell({ fault: text }))
const disk = createFailingDisk()
// Behind the disk, so that what it imports is what can fail.
const { startGateway } = await import('../../src/gateway.ts')

const config = JSON.parse(process.argv[2] ?? '') as Config
const lines = { write: () => true } as unknown as NodeJS.WritableStream
const gateway = await startGateway(config, {
  spareKeepers: 1,
  lostAfterMs: 6000,
  onEvents: (events) => {
    logEvents(events, createLogger({ level: 'debug', isPretty: false, stream: lines }), {
      isOutputShown: true,
    })
  },
})
gateway.events.onAny((name, news) => {
  if (name === 'session.closed' || name === 'worker.exited') tell({ event: name, news })
})
process.on('message', (asked: ToStand) => {
  if (asked.disk === undefined) disk.mend()
  else disk.fail(asked.disk)
  tell({ done: true, calls: disk.calls() })
})
process.once('disconnect', () => {
  disk.mend()
  void gateway.close({ drainMs: 0 }).then(() => process.exit(0))
})
tell({ url: gateway.url, adminUrl: gateway.adminUrl })
