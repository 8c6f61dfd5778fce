import { noHttpCode } from '../../ground/unreached.ts'

/**
 * What a worker sends is not HTTP/1.1 as RFC 9112 has it, or more than is taken: the connection ends,
 * for nobody knows what its next byte means.
 *
 * @param what is wrong, in words that follow the name of who answers
 */
export const noHttp = (what: string): Error => Object.assign(new Error(what), { code: noHttpCode })
