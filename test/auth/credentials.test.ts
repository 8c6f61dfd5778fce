import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'

import type { Caller } from '../../src/auth/check.ts'
import { createCredentials } from '../../src/auth/credentials.ts'
import type { SecretCommand, SecretsConfig } from '../../src/auth/options.ts'
import { systemClock } from '../../src/ground/clock.ts'
import type { Credential, Template } from '../../src/ground/credentials.ts'
import { GatewayError } from '../../src/ground/errors.ts'
import { eventually } from '../support/eventually.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { tempDir } from '../support/temp.ts'
import { meanwhile } from '../support/patience.ts'

const folder = tempDir({ after })
const file = join(folder, 'secrets.yaml')
const put = (text: string): void => writeFileSync(file, text, { mode: 0o600 })
const usual = [
  'shared: { KEY: "${claims.sub}", BOTH: file, EMPTY: "" }',
  'users: { alice: { TOKEN: of-alice }, "7": { TOKEN: of-seven }, x@y: { TOKEN: of-mail } }',
].join('\n')
put(usual)

const callerOf = (claims: Record<string, unknown>): Caller => ({
  principal: 'p',
  identity: {
    iss: 'https://idp',
    sub: typeof claims.sub === 'string' ? claims.sub : undefined,
    clientId: 'c',
    claims,
  },
})
const alice = {
  sub: 'alice',
  email: 'x@y',
  level: 7,
  ok: false,
  groups: ['a'],
  none: null,
  org: { team: 'blue', 'a.b': { c: 'deep' } },
  'https://claims/role': 'admin',
  bell: 'ring\u0007',
  nul: 'a\0b',
}

interface Ask {
  secrets?: Partial<SecretsConfig>
  /** null: there is no token. */
  claims?: Record<string, unknown> | null
  headers?: Record<string, string>
  into?: 'env' | 'headers'
  clock?: typeof systemClock
  signal?: AbortSignal
}

function ask(template: Template, options: Ask = {}) {
  const { secrets, claims = alice, headers = {}, into = 'env', clock = systemClock } = options
  const warnings: string[] = []
  const credentials = createCredentials({
    clock,
    secrets: { file, userKey: 'sub', shared: { BOTH: 'variable' }, command: undefined, ...secrets },
    warn: (server, message) => warnings.push(`${server}: ${message}`),
  })
  const caller =
    claims === null ? { principal: 'anonymous', identity: undefined } : callerOf(claims)
  const templates = {
    env: {},
    headers: {},
    clientHeaders: Object.keys(headers),
    [into]: { x: template },
  }
  const asking = { server: 'demo', credentials: templates, caller, headers }
  const signal = options.signal ?? new AbortController().signal
  const value = credentials.resolve(asking, signal).then((found) => found[into].x)
  return { value, warnings }
}

/** The message, or the code where it is not the client's. */
async function refusal(template: Template, options: Ask = {}): Promise<string> {
  const { value } = ask(template, options)
  const thrown = await value.then(
    (text) => assert.fail(`it found ${text ?? ''}`),
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof GatewayError, String(thrown))
  return thrown.statusCode === 403 ? thrown.message : `${thrown.code} ${thrown.message}`
}

const place = (text: string): Credential => {
  const [kind = '', name = ''] = text.split(/:(.*)/s)
  return { kind: kind as Credential['kind'], name }
}

type Found = [place: string, value: string, options?: Ask]
const found: Found[] = [
  ['claim:sub', 'alice'],
  ['claim:level', '7'],
  ['claim:ok', 'false'],
  ['claim:org.team', 'blue'],
  ['claim:org.a.b.c', 'deep', { claims: { ...alice, org: { a: { 'b.c': 'deep' } } } }],
  ['claim:https://claims/role', 'admin'],
  ['secret:KEY', '${claims.sub}'],
  ['secret:BOTH', 'variable'],
  ['secret:BOTH', 'file', { secrets: { shared: {} }, claims: null }],
  ['userSecret:TOKEN', 'of-alice'],
  ['userSecret:TOKEN', 'of-seven', { secrets: { userKey: 'level' } }],
  ['userSecret:TOKEN', 'of-mail', { secrets: { userKey: 'email' } }],
  ['header:X-Given', 'given', { headers: { 'x-given': 'given' }, claims: null }],
]
for (const [written, value, options] of found) {
  test(`is found as it stands: ${written} is ${value}`, async () => {
    assert.equal(await ask(['<', place(written), '>'], options).value, `<${value}>`)
  })
}

type Missing = [place: string, says: RegExp, options?: Ask]
const missing: Missing[] = [
  ['claim:name', /demo is not started for you: your token has no claim name\.$/],
  ['claim:groups', /no claim groups/],
  ['claim:none', /no claim none/],
  ['claim:org', /no claim org/],
  ['claim:sub.length', /no claim sub\.length/],
  ['claim:constructor.name', /no claim constructor/],
  ['claim:sub', /no claim sub/, { claims: null }],
  ['claim:nul', /value of \$\{claims\.nul\} cannot stand in x/],
  ['claim:bell', /value of \$\{claims\.bell\} cannot stand in x/, { into: 'headers' }],
  ['secret:NO', /no secret NO/],
  ['secret:EMPTY', /no secret EMPTY/],
  ['secret:constructor', /no secret constructor/],
  ['userSecret:NO', /no secret NO of yours/],
  ['userSecret:TOKEN', /no secret TOKEN of yours/, { claims: { sub: 'eve' } }],
  ['userSecret:TOKEN', /no secret TOKEN of yours/, { claims: { client_id: 'alice' } }],
  ['userSecret:TOKEN', /no secret TOKEN of yours/, { claims: null }],
  ['header:X-Given', /header X-Given did not come/],
]
for (const [written, says, options] of missing) {
  test(`is missing, and named: ${written}`, async () => {
    assert.match(await refusal([place(written)], options), says)
  })
}

test('all that is missing is named at once', async () => {
  const template = ['secret:A', 'userSecret:B', 'header:X-C', 'secret:A'].map(place)
  const says = await refusal(template)
  assert.match(says, /no secret A; there is no secret B of yours; the header X-C/)
})

test("a file that is broken when a session opens is the operator's to mend", async () => {
  try {
    put('shared: { KEY: hush')
    const says = await refusal([place('secret:KEY')])
    assert.match(says, /^ERR_AUTH_SECRETS .*secrets\.file is no YAML or JSON in line 1/)
    assert.doesNotMatch(says, /hush/)
    assert.equal(await ask([place('secret:BOTH')]).value, 'variable', 'what is elsewhere is found')
  } finally {
    put(usual)
  }
})

const shell = (script: string, more: Partial<SecretCommand> = {}): Ask => ({
  secrets: {
    file: undefined,
    command: {
      words: ['sh', '-c', script],
      cwd: folder,
      env: { PATH: process.env.PATH ?? '' },
      timeoutMs: 20_000,
      ...more,
    },
  },
})
const token = [place('userSecret:TOKEN')]

test('a program is told whose and which secret, and prints it', async () => {
  const variables = '"$BERTH_CALLER_ISS $BERTH_CALLER_SUB $BERTH_CALLER_KEY $BERTH_SECRET_NAME"'
  const { secrets = {} } = shell(`printf '%s\\n\\n' ${variables}; pwd >&2`)
  const { value, warnings } = ask(token, { secrets: { ...secrets, userKey: 'email' } })
  assert.equal(await value, 'https://idp alice x@y TOKEN\n')
  assert.deepEqual(warnings, [`demo: secrets.command, asked for TOKEN, says: ${folder}`])
  const other = ask(token, { secrets: { ...secrets, file } })
  assert.equal(await other.value, 'of-alice', 'the file comes first')
})

type Failing = [what: string, script: string, says: RegExp, more?: Partial<SecretCommand>]
const failing: Failing[] = [
  ['it exits', 'echo hush; echo "bad hush" >&2; exit 3', /exited with 3 and says: bad …$/],
  ['it prints nothing', 'echo', /printed nothing\.$/],
  ['it prints too much', 'yes hush', /wrote more than 65536 bytes\.$/],
  ['it is killed', 'kill -9 $$', /got SIGKILL\.$/],
  ['it is not there', '', /could not be started \(ENOENT\)\.$/, { words: ['./gone'] }],
]
for (const [what, script, says, more] of failing) {
  test(`a program that fails has no secret: ${what}`, async () => {
    const { value, warnings } = ask(token, shell(script, more))
    await assert.rejects(value, /no secret TOKEN of yours/)
    assert.match(warnings.join(), says)
    assert.doesNotMatch(warnings.join(), /hush/)
  })
}

test('a program that takes too long, or that nobody waits for, is killed with all it started', async () => {
  const clock = fakeClock()
  const script = 'echo $$ > pid; sleep 60 & echo hush; wait'
  const slow = ask(token, { ...shell(script, { timeoutMs: 5000 }), clock })
  await eventually(() => assert.match(readFileSync(join(folder, 'pid'), 'utf8'), /\d/))
  clock.advance(5001)
  await assert.rejects(slow.value, /no secret TOKEN/)
  assert.match(slow.warnings.join(), /took longer than 5000 ms/)
  const gone = new AbortController()
  const abandoned = ask(token, { ...shell(script), signal: gone.signal })
  void meanwhile(50).then(() => gone.abort(new GatewayError('ERR_SESSIONS_ABANDONED')))
  await assert.rejects(abandoned.value, /client went away/)
})
