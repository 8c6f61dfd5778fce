import { startProvider } from '../../auth/provider-rig.ts'
import type { RawResponse } from '../../support/raw-http.ts'
import { getStream, postRpc, rawRequest } from '../../support/raw-http.ts'
import { initializeMessage } from '../../support/raw-session.ts'
import type { Attack, Scene } from '../attack.ts'
import type { Stage } from '../stage.ts'
import { hostile } from '../stage.ts'

type Provider = Awaited<ReturnType<typeof startProvider>>

async function guarded(scene: Scene): Promise<{ stage: Stage; provider: Provider; url: string }> {
  const provider = await startProvider(scene)
  const { discoveryUrl } = provider
  const authorizerConfiguration = { customJWTAuthorizer: { discoveryUrl, allowedClients: ['c'] } }
  const stage = await scene.own({ mcpServers: { mine: hostile({}, { authorizerConfiguration }) } })
  return { stage, provider, url: stage.mcp('mine') }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const open = (url: string, token: string): Promise<RawResponse> =>
  postRpc(url, initializeMessage(), { headers: bearer(token) })

const isRefused = (answer: RawResponse): boolean =>
  answer.status === 401 || answer.status === 403 || answer.status === 400

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export const tokens: Attack[] = [
  {
    section: 'tokens',
    tries: 'claims that name nobody: sub, iss and client_id of every other kind',
    does: '401; nobody shares a principal with anybody',
    async run(scene) {
      const { provider, url } = await guarded(scene)
      const strange = [0, '', [], {}, false, true, 1, ['alice'], { a: 'alice' }]
      for (const claim of ['sub', 'iss', 'client_id']) {
        for (const value of strange) {
          const claims = { sub: 'alice', client_id: 'c', [claim]: value }
          const answer = await open(url, await provider.sign(claims))
          // A list of one client is still no client_id.
          scene.tried(`${claim}: ${JSON.stringify(value)}`, isRefused(answer), answer.status)
        }
      }
      const good = await open(url, await provider.sign({ sub: 'alice', client_id: 'c' }))
      scene.tried('and a right token is let in', good.status === 200, good.status)
    },
  },
  {
    section: 'tokens',
    tries: 'tokens that are none: no signature, another key, HMAC with the public key, old, early',
    does: '401',
    async run(scene) {
      const { provider, url } = await guarded(scene)
      const nowSeconds = Math.floor(Date.now() / 1000)
      const claims = { iss: provider.issuer, sub: 'alice', client_id: 'c', exp: nowSeconds + 300 }
      const right = await provider.sign({ sub: 'alice', client_id: 'c' })
      const [head = '', body = '', signature = ''] = right.split('.')
      const other = await startProvider(scene)
      for (const [what, token] of [
        ['alg none', `${encoded({ alg: 'none' })}.${encoded(claims)}.`],
        ['alg None', `${encoded({ alg: 'None' })}.${encoded(claims)}.${signature}`],
        ['no signature', `${head}.${body}.`],
        ['half of a signature', `${head}.${body}.${signature.slice(0, 40)}`],
        ['other claims', `${head}.${encoded({ ...claims, sub: 'eve' })}.${signature}`],
        ['a key of somebody else', await other.sign({ iss: provider.issuer, client_id: 'c' })],
        ['HMAC', `${encoded({ alg: 'HS256', kid: 'first' })}.${encoded(claims)}.${signature}`],
        ['a jwk in the head', `${encoded({ alg: 'ES256', jwk: {} })}.${body}.${signature}`],
        [
          'a jku in the head',
          `${encoded({ alg: 'ES256', jku: other.issuer })}.${body}.${signature}`,
        ],
        [
          'unknown crit',
          `${encoded({ alg: 'ES256', kid: 'first', crit: ['x'] })}.${body}.${signature}`,
        ],
        ['too old', await provider.sign({ client_id: 'c', exp: nowSeconds - 3600 })],
        ['too early', await provider.sign({ client_id: 'c', nbf: nowSeconds + 3600 })],
        ['another issuer', await provider.sign({ client_id: 'c', iss: other.issuer })],
        ['another client', await provider.sign({ client_id: 'd' })],
        ['no token', ''],
        ['4 dots', `${right}.a.b`],
        ['100 KB', 'a'.repeat(10_000)],
      ] as const) {
        const answer = await open(url, token)
        scene.tried(what, isRefused(answer), answer.status)
      }
      scene.tried('another provider was not asked for keys', other.asked.length === 0, other.asked)
    },
  },
  {
    section: 'tokens',
    tries: "another principal's session: POST, GET, DELETE, and by the admin token's name",
    does: '404, as for a session that never was; the session goes on',
    async run(scene) {
      const { provider, url } = await guarded(scene)
      const alice = await provider.sign({ sub: 'alice', client_id: 'c' })
      const eve = await provider.sign({ sub: 'eve', client_id: 'c' })
      const sessionId = String((await open(url, alice)).headers['mcp-session-id'])
      const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
      const headers = bearer(eve)
      for (const [what, ask] of [
        ['POST', () => postRpc(url, list, { sessionId, headers })],
        ['GET', () => getStream(url, { sessionId, headers })],
        ['resuming', () => getStream(url, { sessionId, headers, lastEventId: '1' })],
        [
          'DELETE',
          () =>
            rawRequest(url, {
              method: 'DELETE',
              headers: { ...headers, 'mcp-session-id': sessionId },
            }),
        ],
      ] as const) {
        const { status } = await ask()
        scene.tried(what, status === 404, status)
      }
      const own = await postRpc(url, list, { sessionId, headers: bearer(alice) })
      scene.tried('the session goes on', own.status === 200, own.status)
    },
  },
]
