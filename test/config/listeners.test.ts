import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import test from 'node:test'

import { withPassedSockets } from '../../src/config/passed.ts'
import { load, problemsOf, withServer } from './in-folder.ts'

test('an address that other machines reach is refused where there is no authorizer', (t) => {
  for (const host of ['0.0.0.0', '::', '192.168.1.5', 'gateway.example.com', '[::]']) {
    const found = problemsOf(t, withServer({}, { listen: { host } }))
    assert.match(
      found['listen.host'] ?? '',
      /no authorizer for demo.*127\.0\.0\.1.*allowAnonymous: any-address \(on/,
    )
  }
})

test('loopback addresses need no leave', (t) => {
  for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', '::1', '[::1]']) {
    const config = load(t, withServer({}, { listen: { host } }))
    assert.equal(config.listen.host, host === '[::1]' ? '::1' : host)
  }
})

test('allowAnonymous: any-address lifts the rule and is said at every start', (t) => {
  const top = { listen: { host: '0.0.0.0' }, allowAnonymous: 'any-address' }
  const { warnings, listen } = load(t, withServer({}, top))
  assert.equal(listen.host, '0.0.0.0')
  assert.match(warnings.join('\n'), /Whoever reaches 0\.0\.0\.0 may use demo without proof/)
})

test('with an authorizer on every server any address will do', (t) => {
  const listen = { host: '0.0.0.0' }
  const local = { authorizerConfiguration: 'local' }
  const { warnings } = load(t, withServer({}, { listen, ...local }))
  assert.match(warnings.join(), /told to log in at the address that they called/)
  assert.equal(load(t, withServer(local, { listen })).listen.host, '0.0.0.0')
  const publicUrl = 'https://mcp.example.com'
  const known = load(t, withServer({}, { listen: { ...listen, publicUrl }, ...local }))
  assert.doesNotMatch(known.warnings.join(), /log in/)

  const found = problemsOf(t, withServer({ authorizerConfiguration: 'none' }, { listen, ...local }))
  assert.match(found['listen.host'] ?? '', /no authorizer for demo/)
})

test('the admin listener stays on loopback and off the public port', (t) => {
  const open = problemsOf(t, withServer({}, { admin: { host: '0.0.0.0' } }))
  assert.match(open['admin.host'] ?? '', /this machine alone/)
  const same = problemsOf(t, withServer({}, { admin: { port: 8080 } }))
  assert.match(same['admin.port'] ?? '', /public listener too \(8080\)/)
  const free = load(t, withServer({}, { admin: { port: 0 }, listen: { port: 0 } }))
  assert.equal(free.admin.port, 0)
})

test('a publicUrl that is none is named', (t) => {
  const found = problemsOf(t, withServer({}, { listen: { publicUrl: 'http://[' } }))
  assert.match(found['listen.publicUrl'] ?? '', /is no URL/)
})

test('the rules hold for the address of a socket that was passed, not for the configured one', (t) => {
  const passed = (host: string) => ({ host, port: 8080, handle: new Socket() })
  const plain = load(t, withServer({}, {}))
  assert.throws(() => withPassedSockets(plain, { public: passed('::') }), /\[::\]:8080: other mach/)
  assert.throws(() => withPassedSockets(plain, { admin: passed('0.0.0.0') }), /this machine alone/)

  const top = { listen: { host: '0.0.0.0', port: 1 }, allowAnonymous: 'any-address' }
  const open = load(t, withServer({}, top))
  const closed = withPassedSockets(open, { public: passed('127.0.0.1') })
  assert.deepEqual([closed.listen.host, closed.listen.port], ['127.0.0.1', 8080])
  assert.doesNotMatch(closed.warnings.join('\n'), /Whoever reaches/)
  const other = withPassedSockets(open, { public: passed('192.168.1.5') })
  assert.match(
    other.warnings.join('\n'),
    /Whoever reaches 192\.168\.1\.5 may use demo without proof/,
  )
  assert.deepEqual(withPassedSockets(plain, {}), plain)
})
