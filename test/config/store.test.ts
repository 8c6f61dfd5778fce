import assert from 'node:assert/strict'
import path from 'node:path'
import type { TestContext } from 'node:test'
import test from 'node:test'

import { inputFor, load, problemsOf, withServer } from './in-folder.ts'
import { loadConfig } from '../../src/config/load.ts'

type Env = Record<string, string>

const storeOf = (t: TestContext, store: object, env: Env = {}) =>
  load(t, withServer({}, { store }), { env: { PATH: '/bin', ...env } }).store

const problems = (t: TestContext, store: object, env: Env = {}) =>
  problemsOf(t, withServer({}, { store }), { env: { PATH: '/bin', ...env } })

const plain = {
  kind: 'redis',
  place: { kind: 'server', host: '127.0.0.1', port: 6379 },
  db: 0,
  prefix: 'berth',
  username: undefined,
  password: undefined,
  tls: undefined,
}

test('redis alone is the one on this machine', (t) => {
  assert.deepEqual(storeOf(t, { kind: 'redis' }), plain)
  assert.deepEqual(storeOf(t, {}), { kind: 'memory' })
})

test('a URL says where Redis is, and who asks', (t) => {
  const of = (url: string) => storeOf(t, { kind: 'redis', url, prefix: 'mine' })
  const mine = { ...plain, prefix: 'mine' }
  assert.deepEqual(of('redis://b:p%40ss@redis.example.com:7000/3'), {
    ...mine,
    place: { kind: 'server', host: 'redis.example.com', port: 7000 },
    db: 3,
    username: 'b',
    password: 'p@ss',
  })
  assert.deepEqual(of('rediss://:pass@[::1]'), {
    ...mine,
    place: { kind: 'server', host: '::1', port: 6379 },
    password: 'pass',
    tls: {},
  })
  assert.deepEqual(of('redis+unix:///run/my%20redis.sock?db=2'), {
    ...mine,
    place: { kind: 'socket', path: '/run/my redis.sock' },
    db: 2,
  })
})

test('placeholders are filled, and any password may be in a URL', (t) => {
  const env = { HOST: 'r:1', USER_: 'u', SECRET: 'a/b@c#%' }
  const url = 'redis://${USER_}:${env:SECRET}@${HOST}/${DB:-4}'
  const login = { username: 'u', password: env.SECRET }
  const place = { kind: 'server', host: 'r', port: 1 }
  assert.deepEqual(storeOf(t, { kind: 'redis', url }, env), { ...plain, ...login, place, db: 4 })
  const apart = { kind: 'redis', username: '${USER_}', password: '${SECRET}' }
  assert.deepEqual(storeOf(t, apart, env), { ...plain, ...login })
  const whole = { URL: 'redis://u:a%2Fb%40c%23%25@r:1/4' }
  assert.deepEqual(storeOf(t, { kind: 'redis', url: '${URL}' }, whole), {
    ...plain,
    ...login,
    place,
    db: 4,
  })
})

test('a placeholder that is not set is named with its key, without any value', (t) => {
  const found = problems(
    t,
    { kind: 'redis', url: 'redis://${U}:${HUSH}@h', password: '${P}' },
    { HUSH: 'hush' },
  )
  assert.match(found['store.url'] ?? '', /the variable U is not set/)
  assert.match(found['store.password'] ?? '', /./)
  assert.doesNotMatch(JSON.stringify(found), /hush/)
})

test('sentinels and clusters', (t) => {
  const sentinels = ['10.0.0.1:26379', '[::1]:26380']
  const sentinel = { sentinels, sentinelName: 'mymaster', sentinelPassword: '${SP}' }
  assert.deepEqual(storeOf(t, { kind: 'redis', ...sentinel, tls: {} }, { SP: 'sp' }), {
    ...plain,
    tls: {},
    place: {
      kind: 'sentinel',
      name: 'mymaster',
      sentinels: [
        { host: '10.0.0.1', port: 26379 },
        { host: '::1', port: 26380 },
      ],
      password: 'sp',
    },
  })
  assert.deepEqual(storeOf(t, { kind: 'redis', cluster: ['a.example.com:1'] }), {
    ...plain,
    place: { kind: 'cluster', nodes: [{ host: 'a.example.com', port: 1 }] },
  })
})

test('files of TLS start from the folder of the file, and have to be there', (t) => {
  const tls = { caFile: 'ca.pem', certFile: 'c.pem', keyFile: 'k.pem', servername: 'r' }
  const store = { kind: 'redis', url: 'rediss://r', tls }
  const files = { 'project/ca.pem': '', 'project/c.pem': '', 'project/k.pem': '' }
  const input = inputFor(t, withServer({}, { store }), { files })
  const loaded = loadConfig(input).store
  assert.ok(loaded.kind === 'redis')
  const file = (name: string) => path.join(input.root, 'project', name)
  assert.deepEqual(loaded.tls, {
    caFile: file('ca.pem'),
    certFile: file('c.pem'),
    keyFile: file('k.pem'),
    servername: 'r',
  })
  const found = problems(t, { ...store, tls: { caFile: 'ca.pem' } })
  assert.match(found['store.tls.caFile'] ?? '', /no file there that can be read/)
  const half = problems(t, { ...store, tls: { certFile: 'c.pem' } })
  assert.match(half['store.tls'] ?? '', /certFile and keyFile need each other/)
})

test('contradictions are refused with what to do', (t) => {
  const redis = { kind: 'redis' }
  const cases: [object, string, RegExp][] = [
    [{ url: 'redis://h' }, 'store.url', /Write store\.kind: redis/],
    [{ kind: 'memory', prefix: 'x' }, 'store.prefix', /is for kind: redis/],
    [{ ...redis, url: 'redis://h', cluster: ['h:1'] }, 'store.cluster', /url and cluster each say/],
    [{ ...redis, sentinels: ['h:1'] }, 'store.sentinelName', /is missing/],
    [{ ...redis, sentinelName: 'm' }, 'store.sentinelName', /is for store\.sentinels/],
    [{ ...redis, url: 'redis://u:p@h', password: 'q' }, 'store.password', /Keep one of them/],
    [{ ...redis, username: 'u' }, 'store.password', /is missing/],
    [{ ...redis, url: 'redis://h', tls: {} }, 'store.tls', /Write rediss:\/\/ there/],
    [{ ...redis, url: 'http://hush' }, 'store.url', /expected redis:\/\//],
    [{ ...redis, url: 'redis://h/x' }, 'store.url', /expected redis:\/\//],
    [{ ...redis, url: 'redis://h?db=hush' }, 'store.url', /expected redis:\/\//],
    [{ ...redis, url: 'redis+unix://host/s' }, 'store.url', /expected redis:\/\//],
    [{ ...redis, url: 'redis://u:%hush@h' }, 'store.url', /percent-encoded/],
    [{ ...redis, cluster: ['hush'] }, 'store.cluster[0]', /expected HOST:PORT/],
    [{ ...redis, prefix: 'a{b' }, 'store.prefix', /without spaces and braces/],
    [{ ...redis, urls: 'x' }, 'store.urls', /Did you mean url\?/],
  ]
  for (const [store, key, text] of cases) {
    const found = problems(t, store)
    assert.deepEqual(Object.keys(found), [key], JSON.stringify(found))
    assert.match(found[key] ?? '', text)
    assert.doesNotMatch(found[key] ?? '', /hush/)
  }
})

test('the environment can say all of it', (t) => {
  const env = {
    BERTH_STORE_KIND: 'redis',
    BERTH_STORE_URL: 'rediss://h',
    BERTH_STORE_PASSWORD: 'p',
    BERTH_STORE_TLS_SERVERNAME: 'r',
  }
  assert.deepEqual(storeOf(t, {}, env), {
    ...plain,
    place: { kind: 'server', host: 'h', port: 6379 },
    password: 'p',
    tls: { servername: 'r' },
  })
  const nodes = { BERTH_STORE_KIND: 'redis', BERTH_STORE_CLUSTER: 'a:1, b:2' }
  const store = storeOf(t, {}, nodes)
  assert.ok(store.kind === 'redis' && store.place.kind === 'cluster')
  assert.equal(store.place.nodes.length, 2)
})
