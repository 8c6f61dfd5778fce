import type { IncomingMessage } from 'node:http'

/** Who is asking, as far as that is proven. */
export interface Caller {
  /**
   * Who a session belongs to, as it stands in its record: `anonymous`, or issuer and subject in a
   * form in which no two pairs look alike. The same for every token of the same user.
   */
  readonly principal: string
  /** What the verified token says of its user; undefined where there is no token. */
  readonly identity: VerifiedIdentity | undefined
}

export interface VerifiedIdentity {
  readonly iss: string
  /** Undefined where a program asks for itself (client credentials). */
  readonly sub: string | undefined
  readonly clientId: string | undefined
  /** All claims of the token. Frozen, and never to be logged. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** What an authorizer is shown of a request: `headers` hides a header that came twice. */
export type Asking = Pick<IncomingMessage, 'headers' | 'rawHeaders'>

/** The contract of an authorizer: decides who is asking, from headers alone. */
export interface Authorizer {
  readonly name: string
  /** Whether it lets everybody in, as one and the same. */
  readonly isOpen: boolean
  /** Where and for what a client may get a token; undefined where it needs none. */
  readonly login: Login | undefined
  /**
   * Synchronous for whoever was seen a moment ago, so that the data path does not wait. Requests
   * that come while a token is looked at are settled in the order in which they came.
   *
   * @throws the GatewayError that the client is to be answered with, or rejects with it
   */
  authenticate(asking: Asking): Promise<Caller> | Caller
  /** Who was seen a moment ago; undefined for everybody who has to be looked at. */
  recall(asking: Asking): Caller | undefined
}

export interface Login {
  /** What a token should be asked for with; empty where that does not matter. */
  readonly scopes: readonly string[]
  /** @throws ERR_AUTH_PROVIDER */
  issuer(): Promise<string>
}

const anybody: Caller = { principal: 'anonymous', identity: undefined }

/** Lets everybody in under one name; only for loopback listeners, which `config` sees to. */
export const anonymous: Authorizer = {
  name: 'anonymous',
  isOpen: true,
  login: undefined,
  authenticate: () => anybody,
  recall: () => anybody,
}

/** A session belongs to issuer and subject; a program without a subject is its client id. */
export function principalOf({ iss, sub, clientId }: Omit<VerifiedIdentity, 'claims'>): string {
  return JSON.stringify(sub === undefined ? [iss, null, clientId] : [iss, sub])
}
