import { GatewayError } from '../errors.ts'
import type { Authorizer } from './check.ts'

export interface SigV4Options {
  /** Whether only this machine can come here: else nobody is taken for who he says he is. */
  isLoopback: boolean
}

/**
 * For callers that sign as AWS has it. Nothing can be verified, because nobody here has their
 * secret key: the access key id tells them apart, and no more. Presigned queries are not read.
 *
 * @param inner what decides of everybody else; a signature where it wants tokens is refused
 */
export function withSigV4(inner: Authorizer, { isLoopback }: SigV4Options): Authorizer {
  return {
    name: inner.name,
    authenticate(headers) {
      const { authorization } = headers
      if (authorization?.startsWith('AWS4-HMAC-SHA256') !== true) return inner.authenticate(headers)
      if (inner.name !== 'anonymous') throw new GatewayError('ERR_AGENTCORE_AUTH_METHOD')
      const keyId = /\bCredential=([\w.+=@:-]{1,128})\//.exec(authorization)?.[1]
      return keyId === undefined || !isLoopback ? inner.authenticate(headers) : `aws:${keyId}`
    },
  }
}
