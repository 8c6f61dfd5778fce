import type { Asking, Caller } from './check.ts'

/**
 * Who has signed a request as AWS has it. Nothing is verified, because nobody here has the secret
 * key: the access key id tells callers apart, and no more. Presigned queries are not read.
 *
 * @returns undefined for a request that is not signed
 */
export function signedCaller({ headers }: Asking): Caller | undefined {
  const { authorization } = headers
  if (authorization?.startsWith('AWS4-HMAC-SHA256') !== true) return undefined
  const keyId = /\bCredential=([\w.+=@:-]{1,128})\//.exec(authorization)?.[1]
  return keyId === undefined ? undefined : { principal: `aws:${keyId}`, identity: undefined }
}

/** Whether it is the call of an AWS SDK, whatever proves who makes it. */
export function isAwsCall({ headers }: Asking): boolean {
  return (
    headers['amz-sdk-invocation-id'] !== undefined ||
    headers.authorization?.startsWith('AWS4-') === true
  )
}
