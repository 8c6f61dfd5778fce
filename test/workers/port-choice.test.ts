import assert from 'node:assert/strict'
import test from 'node:test'

import { fixedPortOf, portsToDraw } from '../../src/workers/port-choice.ts'
import { isWithin } from '../../src/ground/port-range.ts'
import { drawnBySystem, findSystemPorts } from '../../src/ground/system-ports.ts'

function systemOf(range: string, reserved = '', services = '') {
  return findSystemPorts((file) =>
    file.endsWith('/ip_local_port_range')
      ? range
      : file.endsWith('/services')
        ? services
        : reserved,
  )
}

const usualOf = (lists: number[][]) => lists.map((list) => [list[0], list.at(-1)])

test('what nobody is assigned is drawn from first, then what is below the range of the system', () => {
  const lists = portsToDraw({}, systemOf('32768\t60999\n'))
  assert.deepEqual(usualOf(lists), [
    [61_000, 65_535],
    [20_001, 29_999],
  ])
  const all = new Set(lists.flat())
  for (const port of [27_017, 25_565, 28_015, 32_400, 30_000, 32_767, 61_616, 64_738]) {
    assert.ok(!all.has(port), `${port} is usual elsewhere`)
  }
  // macOS, whose range goes to the end.
  assert.deepEqual(usualOf(portsToDraw({}, systemOf(''))), [[20_001, 29_999]])
})

test('fixed ports of the configuration, reserved ports and those of /etc/services are left out', () => {
  const services =
    'ftp 21/tcp\n# old 61004/tcp\nours\t61002/tcp  alias # 61005/tcp\nother 61003/udp\n'
  const system = systemOf('32768 60999', '8080,61010-61012\n', services)
  const [first = []] = portsToDraw({ leaveOut: [61_001, 8080] }, system)
  const out = [61_001, 61_002, 61_010, 61_011, 61_012]
  assert.deepEqual(first.slice(0, 8), [
    61_000,
    61_003,
    ...[4, 5, 6, 7, 8, 9].map((n) => 61_000 + n),
  ])
  assert.ok(!first.some((port) => out.includes(port)))
})

test('where the system leaves next to nothing, it chooses', () => {
  assert.deepEqual(portsToDraw({}, systemOf('1024 65535')), [])
  assert.deepEqual(portsToDraw({}, systemOf('10000 65000')), [])
})

test('a configured range is taken as it is, but for fixed ports', () => {
  const system = systemOf('32768 60999', '27000-27020')
  const range = { first: 27_015, last: 27_020 }
  const lists = portsToDraw({ range, leaveOut: [27_016] }, system)
  assert.deepEqual(lists, [[27_015, 27_017, 27_018, 27_019, 27_020]])
})

test('what the system gives away of a range is known, and what is reserved is not given away', () => {
  const range = { first: 32_700, last: 32_800 }
  assert.deepEqual(drawnBySystem(range, systemOf('32768 60999')), { first: 32_768, last: 32_800 })
  assert.equal(drawnBySystem(range, systemOf('32768 60999', '32768-33000')), undefined)
  assert.equal(drawnBySystem({ first: 20_000, last: 29_999 }, systemOf('32768 60999')), undefined)
})

test('the ports of this machine are read', { skip: process.platform !== 'linux' }, () => {
  const { ephemeral } = findSystemPorts()
  assert.ok(isWithin(ephemeral.first, { first: 1, last: 65_535 }))
  assert.ok(ephemeral.last > ephemeral.first)
})

test('a url names its port', () => {
  const remote = { kind: 'remote', shown: '', headers: {} } as const
  assert.deepEqual(fixedPortOf({ ...remote, url: 'http://127.0.0.1:25001/mcp' }), [25_001])
  assert.deepEqual(fixedPortOf({ ...remote, url: 'https://example.com/mcp' }), [])
})
