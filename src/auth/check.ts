import type { IncomingHttpHeaders } from 'node:http'

/** The contract of an authorizer: decides who is asking, from headers alone. */
export interface Authorizer {
  readonly name: string
  /**
   * @returns the principal, as it stands in session records: `anonymous`, or issuer and subject
   * @throws the GatewayError that the client is to be answered with
   */
  authenticate(headers: IncomingHttpHeaders): Promise<string> | string
}

/** Lets everybody in under one name; only for loopback listeners, which `config` sees to. */
export const anonymous: Authorizer = { name: 'anonymous', authenticate: () => 'anonymous' }
