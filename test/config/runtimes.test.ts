import assert from 'node:assert/strict'
import test from 'node:test'

import { runtimeArnOf } from '../../src/config/runtime-arn.ts'
import { load, problemsOf, serverOf, withServer } from './in-folder.ts'

const account = { accountId: '123456789012', region: 'us-east-1' }
const arnPattern =
  /^arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime\/[a-zA-Z][a-zA-Z0-9_]{0,47}-[a-zA-Z0-9]{10}$/

test('a server has an ARN that is made from its name, always the same', () => {
  const names = ['trip-planner', 'trip.planner', 'trip_planner', '7up', '-', 'x'.repeat(64)]
  const arns = names.map((name) => runtimeArnOf(name, account))
  for (const arn of arns) assert.match(arn, arnPattern)
  assert.equal(new Set(arns).size, names.length)
  assert.equal(
    runtimeArnOf('trip-planner', account),
    'arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/trip_planner-jDhWVqejRA',
  )
})

test('account and region are settings, and a server may have the ARN that it has in AWS', (t) => {
  const agentcore = { accountId: '210987654321', region: 'eu-central-1' }
  const agentRuntimeArn =
    'arn:aws-us-gov:bedrock-agentcore:us-gov-west-1:111111111111:runtime/billing-a1B2c3D4e5'
  const config = load(t, {
    agentcore,
    mcpServers: { demo: { command: 'node' }, billing: { command: 'node', agentRuntimeArn } },
  })
  assert.equal(serverOf(config).runtimeArn, runtimeArnOf('demo', agentcore))
  assert.equal(serverOf(config, 'billing').runtimeArn, agentRuntimeArn)
  assert.deepEqual(config.agentcore, {
    ...agentcore,
    deadSession: 'not-found',
    delete: 'end',
    bodyLimitBytes: 100_000_000,
    requestTimeoutMs: 900_000,
    streamMaxMs: 3_600_000,
  })
  const env = { PATH: process.env.PATH, BERTH_AGENTCORE_ACCOUNT_ID: '999999999999' }
  assert.equal(load(t, withServer(), { env }).agentcore.accountId, '999999999999')
})

test('what cannot be an ARN, an account or a region is refused, and so is the same ARN twice', (t) => {
  const agentRuntimeArn = runtimeArnOf('one', account)
  const twice = { command: 'node', agentRuntimeArn }
  assert.deepEqual(problemsOf(t, { mcpServers: { one: twice, two: twice } }), {
    'mcpServers.two.agentRuntimeArn': 'is that of one too; every server needs its own.',
  })
  const found = problemsOf(
    t,
    withServer(
      { agentRuntimeArn: 'arn:aws:s3:::bucket' },
      { agentcore: { accountId: 123456789012, region: 'Europe', deadSession: 'gone' } },
    ),
  )
  assert.deepEqual(found, {
    'agentcore.accountId':
      "found the number 123456789012, expected twelve digits, in quotes. Example: accountId: '123456789012'",
    'agentcore.region':
      'found a text, expected the name of an AWS region. Example: region: us-east-1',
    'agentcore.deadSession':
      'found a text, expected not-found or runtime-error. Example: deadSession: not-found',
    'mcpServers.demo.agentRuntimeArn':
      'found a text, expected the ARN of an agent runtime. Example: agentRuntimeArn: arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/billing-a1B2c3D4e5',
  })
})

const listOf = (...requestHeaderAllowlist: unknown[]) => ({
  requestHeaderConfiguration: { requestHeaderAllowlist },
})

test('requestHeaderAllowlist is of a server or of all, and any case is the same', (t) => {
  const custom = 'X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant'
  const config = load(t, {
    defaults: listOf('X-Api-Key'),
    mcpServers: {
      demo: { command: 'node' },
      own: { command: 'node', ...listOf('Authorization', custom, 'DPoP') },
      none: { url: 'http://127.0.0.1:1/mcp', ...listOf() },
    },
  })
  assert.deepEqual(serverOf(config).requestHeaders, ['x-api-key'])
  assert.deepEqual(serverOf(config, 'own').requestHeaders, [
    'authorization',
    custom.toLowerCase(),
    'dpop',
  ])
  assert.deepEqual(serverOf(config, 'none').requestHeaders, [])
  assert.equal(serverOf(load(t, withServer())).requestHeaders, undefined)
})

test('requestHeaderAllowlist keeps to the rules of AgentCore', (t) => {
  const at = 'mcpServers.demo.requestHeaderConfiguration.requestHeaderAllowlist'
  const names = Array.from({ length: 20 }, (_, index) => `X-${index}`)
  assert.equal(serverOf(load(t, withServer(listOf(...names)))).requestHeaders?.length, 20)
  assert.match(problemsOf(t, withServer(listOf(...names, 'X-20')))[at] ?? '', /at most 20 names/)
  for (const [name, problem] of [
    ['Cookie', /Cookie can never be passed on/],
    ['host', /can never be passed on/],
    ['Mcp-Session-Id', /can never be passed on/],
    ['X-Forwarded-For', /can never be passed on/],
    ['X-Amz-Security-Token', /is reserved/],
    ['X-Amzn-Bedrock-AgentCore-Runtime-User-Id', /is reserved; of x-amzn- only/],
    ['X-Berth-Nonce', /is reserved/],
    ['X Y', /the name of a header/],
    [5, /the name of a header/],
  ] as const) {
    assert.match(problemsOf(t, withServer(listOf(name)))[`${at}[0]`] ?? '', problem, String(name))
  }
  const twice = problemsOf(t, withServer(listOf('X-A', 'x-a')))
  assert.match(twice[`${at}[1]`] ?? '', /x-a stands there twice/)
})

test('an agent that speaks no MCP is served over HTTP at its own path', (t) => {
  const config = load(t, {
    defaults: { mode: 'stateless', relay: false },
    mcpServers: {
      agent: { command: 'node', protocol: 'http' },
      own: { command: 'node', protocol: 'http', path: '/api/invocations', port: 8080 },
      far: { url: 'https://agents.example.com/invocations', protocol: 'http' },
      tools: { command: 'node', transport: 'http' },
      talks: { command: 'node' },
    },
  })
  const launches = config.servers.map(({ launch }) =>
    launch.kind === 'local' ? [launch.transport, launch.path, launch.isPlain, launch.port] : [],
  )
  assert.deepEqual(launches, [
    ['http', '/invocations', true, undefined],
    ['http', '/api/invocations', true, 8080],
    [],
    ['http', '/mcp', undefined, undefined],
    ['stdio', '/mcp', undefined, undefined],
  ])
  assert.deepEqual(
    config.servers.map(({ protocol, mode }) => [protocol, mode]),
    [...[1, 2, 3].map(() => ['http', 'stateful']), ['mcp', 'stateless'], ['mcp', 'stateful']],
  )
})

test('protocol and mode are refused where they cannot be', (t) => {
  const found = problemsOf(t, {
    mcpServers: {
      a: { command: 'node', protocol: 'http', transport: 'stdio' },
      b: { command: 'node', protocol: 'http', mode: 'stateless' },
      c: { command: 'node', mode: 'stateless' },
      d: { command: 'node', protocol: 'a2a' },
      e: { command: 'node', protocol: 'http', disabledTools: ['x'], access: { deny: ['x'] } },
    },
  })
  assert.deepEqual(found, {
    'mcpServers.a': 'protocol: http is served over HTTP, not over stdio; take one out.',
    'mcpServers.b.mode': 'is for a server that speaks MCP; take it out.',
    'mcpServers.c.mode':
      'stateless is for a server that speaks HTTP; add transport: http, or take it out.',
    'mcpServers.d.protocol': 'found a text, expected mcp or http. Example: protocol: mcp',
    'mcpServers.e.access': 'is for a server that speaks MCP; take it out.',
    'mcpServers.e.disabledTools': 'is for a server that speaks MCP; take it out.',
  })
  // What defaults say of names is not meant for an agent that has none.
  const { servers } = load(t, {
    defaults: { access: { deny: ['x'] } },
    mcpServers: { a: { command: 'node', protocol: 'http' }, b: { command: 'node' } },
  })
  assert.deepEqual(
    servers.map(({ access }) => access?.deny.length),
    [undefined, 1],
  )
})
