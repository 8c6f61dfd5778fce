import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import type { RawRequest, RawResponse } from './raw-http.ts'
import { rawRequest } from './raw-http.ts'

interface Commanded {
  stateDir: string
  adminUrl: string
}

/** The admin token, from the file that the CLI finds it in. */
export function adminToken({ stateDir }: Pick<Commanded, 'stateDir'>): string {
  const [file = ''] = readdirSync(join(stateDir, 'gateways'))
  const { token } = JSON.parse(readFileSync(join(stateDir, 'gateways', file), 'utf8')) as {
    token: string
  }
  return token
}

/** One request to the admin listener, with its token. */
export function askAdmin(
  gateway: Commanded,
  path: string,
  { headers, ...options }: RawRequest = {},
): Promise<RawResponse> {
  const authorization = `Bearer ${adminToken(gateway)}`
  return rawRequest(`${gateway.adminUrl}${path}`, {
    headers: { authorization, ...headers },
    ...options,
  })
}
