import { testDriver } from '../suites/driver.ts'
import { noNamespace, skipWithoutNamespace } from './rig.ts'
import { subject } from './subject.ts'

const own = { isolation: 'process', perSession: true, reattach: true, output: true } as const

testDriver('process, over stdio', own, (t) => subject(t, {}))
testDriver('process, over HTTP', own, (t) => subject(t, { http: true }))
testDriver('process, over HTTP through its keeper, outliving its gateway', own, (t) =>
  subject(t, { relay: true }, { outlives: { maxMs: 600_000, orphanMs: 600_000 } }),
)
testDriver('process, with limits', own, (t) =>
  subject(t, { limits: { memoryBytes: 512 * 1024 ** 2, pids: 256, openFiles: 1024 } }),
)
testDriver(
  'process, over stdio, several with one keeper',
  own,
  (t) => subject(t, { sessionsPerKeeper: 8 }),
  skipWithoutNamespace,
)
testDriver(
  'process, over HTTP through a keeper of several, outliving its gateway',
  own,
  (t) =>
    subject(
      t,
      { relay: true, sessionsPerKeeper: 8 },
      { outlives: { maxMs: 600_000, orphanMs: 600_000 } },
    ),
  skipWithoutNamespace,
)
testDriver('process, without a PID namespace', own, (t) =>
  subject(t, {}, { namespace: noNamespace }),
)
