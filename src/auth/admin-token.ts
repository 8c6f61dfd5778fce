import { randomBytes, timingSafeEqual } from 'node:crypto'

import { GatewayError } from '../ground/errors.ts'

/** Who may command a gateway: whoever can read the file that this token stands in. */
export interface AdminToken {
  readonly value: string
  /** @throws ERR_AUTH_ADMIN_TOKEN */
  check(authorization: string | undefined): void
}

export function createAdminToken(): AdminToken {
  const value = randomBytes(32).toString('base64url')
  const expected = Buffer.from(`Bearer ${value}`)
  return {
    value,
    check(authorization) {
      const given = Buffer.from(authorization ?? '')
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
        throw new GatewayError('ERR_AUTH_ADMIN_TOKEN')
      }
    },
  }
}
