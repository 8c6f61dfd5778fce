import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

import { loadConfig } from '../../src/config/load.ts'

interface Service {
  build?: { context: string; dockerfile: string }
  environment?: Record<string, string | number>
  network_mode?: string
  pid?: string
  init?: boolean
  ports?: string[]
  volumes?: string[]
  healthcheck?: { test: string[] }
  stop_grace_period?: string
  depends_on?: Record<string, { condition: string }>
}

const root = fileURLToPath(new URL('../../../', import.meta.url))
const read = (name: string): string => readFileSync(join(root, name), 'utf8')
const { services, volumes } = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>
  volumes: Record<string, unknown>
}
const gateways = ['gateway-1', 'gateway-2'].map((name) => services[name] ?? {})

/** What a gateway of the file is configured to do, with that file and environment. */
function configOf({ volumes: mounted = [], environment = {} }: Service) {
  const [file = '', at] = mounted[0]?.split(':') ?? []
  assert.equal(at, '/berth/config/berth.yaml', 'what the image serves is what is mounted')
  const env = Object.entries(environment).map(([name, value]) => [name, String(value)])
  return loadConfig({
    file: join(root, file),
    cwd: root,
    homeDir: '/home/node',
    env: Object.fromEntries(env) as Record<string, string>,
  })
}

test('the compose file configures two gateways that share a store and a host', () => {
  const configs = gateways.map(configOf)
  for (const { store, stateDir, allowAnonymous, listen, admin, servers, drainMs } of configs) {
    assert.equal(store.kind, 'redis')
    assert.equal(allowAnonymous, 'any-address')
    assert.equal(stateDir, '/state')
    assert.equal(listen.host, '0.0.0.0')
    assert.equal(admin.host, '127.0.0.1')
    assert.deepEqual(
      servers.map(({ name }) => name),
      ['trip-planner', 'expenses'],
    )
    assert.equal(servers[1]?.launch.kind === 'local' && servers[1].launch.relay, true)
    assert.ok(drainMs < 30_000, 'a gateway has drained before it is killed')
  }
  for (const { network_mode: network, pid, volumes: mounted = [] } of gateways) {
    assert.equal(network, 'service:holder')
    assert.equal(pid, 'service:holder')
    assert.ok(mounted.includes('state:/state'))
  }
  assert.ok('state' in volumes)
  assert.equal(services.holder?.init, true, 'orphans are reaped')
  const ports = configs.flatMap(({ listen, admin }) => [listen.port, admin.port])
  assert.equal(new Set(ports).size, 4, 'no two listen at the same port')
  assert.deepEqual(
    services.holder.ports,
    configs.map(({ listen }) => `127.0.0.1:${listen.port}:${listen.port}`),
  )
})

test('nothing is published but on 127.0.0.1', () => {
  for (const [name, { ports = [] }] of Object.entries(services)) {
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/, name)
  }
})

test('a gateway is healthy when its public /readyz says so, and has time to stop', () => {
  for (const { healthcheck, stop_grace_period: grace, depends_on: needs } of gateways) {
    assert.match(healthcheck?.test.join(' ') ?? '', /BERTH_LISTEN_PORT}\/readyz/)
    assert.equal(grace, '30s')
    assert.equal(needs?.redis?.condition, 'service_healthy')
  }
  assert.ok(services.redis?.healthcheck)
})

test('the image is built from files that are there, and only from those', () => {
  for (const { build } of gateways) {
    assert.equal(build?.context, '.')
    const dockerfile = read(build.dockerfile)
    const allowed = read(`${build.dockerfile}.dockerignore`)
      .split('\n')
      .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []))
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
      ([, from = '']) => from.split(' '),
    )
    assert.deepEqual([...new Set(copied)].sort(), allowed.sort())
    for (const name of allowed) assert.ok(existsSync(join(root, name)), name)
    assert.match(dockerfile, /^USER node$/m)
  }
})
