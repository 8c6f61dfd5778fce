import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import { parse } from 'yaml'

import { compiled } from '../support/config.ts'
import { postRpc, rawRequest } from '../support/raw-http.ts'
import { initializeMessage } from '../support/raw-session.ts'
import { place } from './berth.ts'

const server = { command: process.execPath, args: [compiled('test/fixtures/workers/sdk-stdio.js')] }

test('without a provider: init, paste, serve, token, cleanup', async (t) => {
  const here = place(t)
  const file = join(here.stateDir, 'identity', 'issuer.json')

  const init = await here.berth(['identity', 'init'])
  assert.equal(init.code, 0, init.stderr)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(statSync(join(here.stateDir, 'identity')).mode & 0o777, 0o700)
  assert.match(init.stderr, /mcp-berth identity token/)

  const block = parse(init.stdout) as {
    authorizerConfiguration: { customJWTAuthorizer: { discoveryUrl: string } }
  }
  const { discoveryUrl } = block.authorizerConfiguration.customJWTAuthorizer
  assert.match(discoveryUrl, /^http:\/\/127\.0\.0\.1:8081\/identity\/\.well-known\//)
  here.put('berth.json', { ...block, mcpServers: { demo: server } })
  const [serving, token] = await Promise.all([here.serve([]), here.berth(['identity', 'token'])])
  assert.deepEqual([token.code, token.stderr], [0, ''])
  assert.doesNotMatch(serving.said(), /still anonymous/)
  const tryIt = ' --header "Authorization: Bearer $(mcp-berth identity token)"\n'
  assert.ok(serving.said().includes(`mcp-berth tools ${serving.mcp('demo')}${tryIt}`))
  assert.match(token.stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)

  const ask = (bearer?: string) =>
    postRpc(serving.mcp('demo'), initializeMessage(), {
      headers: { authorization: bearer === undefined ? undefined : `Bearer ${bearer}` },
    })
  assert.equal((await ask()).status, 401)
  const opened = await ask(token.stdout.trim())
  assert.equal(opened.status, 200)

  // The keys are to be had on the admin listener, without its token, and nowhere else.
  const [, admin = ''] = /admin API on (http:\/\/[\w.:]+)/.exec(serving.said()) ?? []
  const document = await rawRequest(`${admin}/identity/.well-known/openid-configuration`)
  const { issuer } = await document.json<{ issuer: string }>()
  assert.equal(issuer, decodeJwt(token.stdout).iss)
  const keys = await (await rawRequest(`${admin}/identity/keys`)).json<{ keys: object[] }>()
  assert.deepEqual(
    keys.keys.filter((key) => 'd' in key),
    [],
  )
  await jwtVerify(token.stdout.trim(), createRemoteJWKSet(new URL(`${admin}/identity/keys`)))
  const outside = await rawRequest(`${serving.url}/identity/keys`)
  assert.equal(outside.status, 401)
  assert.equal((await rawRequest(`${admin}/metrics`)).status, 401)
  const rebound = await rawRequest(`${admin}/identity/keys`, { headers: { host: 'evil.example' } })
  assert.equal(rebound.status, 403)

  const cleanup = await here.berth(['identity', 'cleanup'])
  assert.equal(cleanup.code, 0)
  assert.ok(!existsSync(join(here.stateDir, 'identity')))
  const after = await here.berth(['identity', 'token'])
  assert.deepEqual([after.code, after.stdout], [1, ''])
  assert.match(after.stderr, /no local issuer in .*mcp-berth identity init/)
})

test('a gateway that asks for no token of the issuer says that everybody is still anonymous', async (t) => {
  const here = place(t)
  here.put('berth.json', { mcpServers: { demo: server } })
  await here.berth(['identity', 'init'])
  const serving = await here.serve([])
  assert.match(
    serving.said(),
    /note: mcp-berth identity init has made .*everybody is still anonymous.*authorizerConfiguration: local/,
  )
})

test('a token says what it is told to say', async (t) => {
  const here = place(t)
  const words = ['--sub', 'ann', '--client-id', 'c', '--aud', 'a', '--aud', 'b', '--scope', 'x']
  const claims = ['--scope', 'y', '--claim', 'groups=["g"]', '--claim', 'email=a@b=c']
  const first = await here.berth(['identity', 'init'])
  const again = await here.berth(['identity', 'init', '--admin-port', '9081'])
  assert.equal(again.stdout, first.stdout)
  assert.match(again.stderr, /one for another port already/)
  const [full, program, wrong, past, spaced] = await Promise.all([
    here.berth(['identity', 'token', ...words, ...claims, '--expires-in', '60']),
    here.berth(['identity', 'token', '--sub', '']),
    here.berth(['identity', 'token', '--claim', 'exp=1']),
    here.berth(['identity', 'token', '--expires-in=-5']),
    here.berth(['identity', 'token', '--expires-in', '-5']),
  ])
  const { iat = 0, exp, iss, jti, ...said } = decodeJwt(full.stdout)
  assert.equal(exp, iat + 60)
  assert.match(String(iss), /\/identity$/)
  assert.match(String(jti), /^[\da-f-]{36}$/)
  assert.deepEqual(said, {
    sub: 'ann',
    client_id: 'c',
    aud: ['a', 'b'],
    scope: 'x y',
    groups: ['g'],
    email: 'a@b=c',
  })
  const { sub, client_id } = decodeJwt(program.stdout)
  assert.deepEqual([sub, client_id], [undefined, 'mcp-berth'])
  assert.match(past.stderr, /--expires-in takes 1 second at least, not -5\./)
  assert.match(spaced.stderr, /A value is missing after --expires-in; .* --expires-in=VALUE\./)
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /--claim cannot set exp/)
})

test('a gateway that wants a local issuer and finds none says how to make one', async (t) => {
  const here = place(t)
  here.put('berth.json', { authorizerConfiguration: 'local', mcpServers: { demo: server } })
  const [{ code, stderr }, trial] = await Promise.all([
    here.berth(['serve', '--listen-port', '0', '--admin-port', '0']),
    here.berth(['check', '--start']),
  ])
  assert.equal(code, 1)
  assert.match(stderr, /no local issuer in .*mcp-berth identity init/)
  assert.equal(trial.code, 0, 'servers can be tried without any token')
  assert.match(trial.stdout, /✓ demo/)
})
