import type { Protocol } from './protocol.ts'

/** The same for a server that keeps no sessions: the ids are the gateway's alone. */
export function stateless(protocol: Protocol): Protocol {
  return {
    ...protocol,
    isStateless: true,
    workerSessionId: () => undefined,
    // It has nothing to forget: what it answers is about the request.
    isForgotten: () => false,
    goodbye: () => undefined,
  }
}
