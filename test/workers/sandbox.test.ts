import { skipWithoutOutbound, skipWithoutSandbox } from './rig.ts'
import { subject } from './subject.ts'
import { testDriver } from '../suites/driver.ts'

const own = { isolation: 'sandbox', perSession: true, reattach: true, output: true } as const
const rig = { isolation: 'sandbox' } as const

testDriver('sandbox, over stdio', own, (t) => subject(t, {}, rig), skipWithoutSandbox)
testDriver('sandbox, over HTTP', own, (t) => subject(t, { http: true }, rig), skipWithoutSandbox)
testDriver(
  'sandbox, in a network that leads out',
  own,
  (t) => subject(t, { http: true, sandbox: { network: 'private' } }, rig),
  skipWithoutSandbox || skipWithoutOutbound,
)
testDriver(
  'sandbox, with limits',
  own,
  (t) => subject(t, { limits: everyLimit }, rig),
  skipWithoutSandbox,
)

const everyLimit = {
  memoryBytes: 512 * 1024 ** 2,
  cpus: 2,
  pids: 256,
  openFiles: 1024,
}
