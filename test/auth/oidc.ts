import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

import { exportJWK, generateKeyPair } from 'jose'

import { atEnd } from '../support/at-end.ts'

/** A certified OpenID provider, with registration of clients and tokens that are JWTs. */
export async function startOidcProvider(t: TestContext, scope: string): Promise<string> {
  // It warns of what one must not do outside of tests, and as soon as it is imported of Node 20.
  for (const method of ['info', 'warn'] as const) t.mock.method(console, method, () => undefined)
  const { Provider } = await import('oidc-provider')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atEnd(t, () => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const keys = await Promise.all(['RS256', 'ES256'].map(privateJwk))
  const resourceServer = (_ctx: unknown, resource: string) => ({
    scope,
    audience: resource,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'ES256' } },
  })
  const provider = new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: ['only a test'] },
    scopes: ['openid', 'offline_access', scope],
    features: {
      registration: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
    },
  })
  server.on('request', provider.callback())
  return issuer
}

async function privateJwk(alg: string) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  return { ...(await exportJWK(privateKey)), alg, kid: alg, use: 'sig' }
}

/** What a person does in a browser: logs in under that name and agrees, until it leads back. */
export async function logIn(start: URL, name: string, backTo: string): Promise<string> {
  const cookies = new Map<string, string>()
  let next: { url: URL; body?: URLSearchParams } = { url: start }
  for (let step = 0; step < 12; step += 1) {
    const { url, body } = next
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ')
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { cookie, connection: 'close' },
      ...(body === undefined ? {} : { method: 'POST', body }),
    })
    for (const line of answer.headers.getSetCookie()) {
      const [, key = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') cookies.delete(key)
      else cookies.set(key, value)
    }
    const page = await answer.text()
    const location = answer.headers.get('location')
    if (location?.startsWith(backTo)) return new URL(location).searchParams.get('code') ?? ''
    if (location !== null) {
      next = { url: new URL(location, url) }
      continue
    }
    const [, action] = /<form[^>]* action="([^"]+)"/.exec(page) ?? []
    const [, prompt] = /name="prompt" value="(\w+)"/.exec(page) ?? []
    if (action === undefined || prompt === undefined) {
      throw new Error(`no form, but ${answer.status}: ${page.slice(0, 500)}`)
    }
    next = {
      url: new URL(action, url),
      body: new URLSearchParams({ prompt, login: name, password: 'any' }),
    }
  }
  throw new Error('the login leads nowhere')
}
