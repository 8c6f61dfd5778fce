import assert from 'node:assert/strict'
import { test } from 'node:test'

import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type {
  OAuthClientInformationFull,
  OAuthTokens,
} from '@modelcontextprotocol/sdk/shared/auth.js'
import { decodeJwt } from 'jose'

import { atEnd } from '../support/at-end.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { logIn, startOidcProvider } from './oidc.ts'

const backTo = 'http://127.0.0.1:9/callback'

/** What an MCP client keeps of its logins; `wanted` is where it wants to send its user. */
function loginOf(): OAuthClientProvider & {
  wanted: URL | undefined
  kept: OAuthTokens | undefined
} {
  let information: OAuthClientInformationFull | undefined
  let verifier = ''
  const login: ReturnType<typeof loginOf> = {
    wanted: undefined,
    kept: undefined,
    redirectUrl: backTo,
    clientMetadata: {
      client_name: 'a client',
      redirect_uris: [backTo],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    clientInformation: () => information,
    saveClientInformation: (full) => void (information = full as OAuthClientInformationFull),
    tokens: () => login.kept,
    saveTokens: (tokens) => void (login.kept = tokens),
    redirectToAuthorization: (url) => void (login.wanted = url),
    saveCodeVerifier: (code) => void (verifier = code),
    codeVerifier: () => verifier,
  }
  return login
}

test('an MCP client finds the provider by itself, logs in, and has a session', async (t) => {
  const issuer = await startOidcProvider(t, 'mcp:use')
  const gateway = await startTestGateway(
    t,
    { echo: { command: ['node', compiled('test/fixtures/workers/sdk-stdio.js')] } },
    {
      authorization: {
        global: {
          customJWTAuthorizer: {
            discoveryUrl: `${issuer}/.well-known/openid-configuration`,
            allowedScopes: ['mcp:use'],
          },
        },
      },
    },
  )
  const authProvider = loginOf()
  const connecting = (): [Client, StreamableHTTPClientTransport] => {
    const client = new Client({ name: 'a client', version: '1' })
    atEnd(t, () => client.close())
    const url = new URL(gateway.mcp('echo'))
    return [client, new StreamableHTTPClientTransport(url, { authProvider })]
  }

  const [stranger, refused] = connecting()
  await assert.rejects(stranger.connect(refused), UnauthorizedError)
  const { wanted } = authProvider
  assert.equal(wanted?.origin, issuer)
  assert.equal(wanted.searchParams.get('resource'), gateway.mcp('echo'))
  assert.equal(wanted.searchParams.get('scope'), 'mcp:use')
  assert.deepEqual(gateway.seen('session.opened'), [])

  await refused.finishAuth(await logIn(wanted, 'alice', backTo))
  const claims = decodeJwt(authProvider.kept?.access_token ?? '')
  assert.deepEqual([claims.iss, claims.sub, claims.aud], [issuer, 'alice', gateway.mcp('echo')])

  const [client, transport] = connecting()
  await client.connect(transport)
  assert.ok((await client.listTools()).tools.length > 0)
  const [opened] = gateway.seen('session.opened')
  assert.equal(opened?.principal, JSON.stringify([issuer, 'alice']))
})
