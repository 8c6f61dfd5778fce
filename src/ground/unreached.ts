/** Where somebody was to be reached, as a URL has it. */
export interface Place {
  readonly protocol: string
  readonly hostname: string
  readonly host: string
}

/** Of the gateway's own client: no connection came about in time; what came is no HTTP. */
export const connectTimeoutCode = 'ERR_WIRE_CONNECT_TIMEOUT'
export const noHttpCode = 'ERR_WIRE_NO_HTTP'

/**
 * Why nobody could be reached over the network, in words for people; undefined for an error that
 * says nothing of that.
 *
 * @param thrown what a socket, undici or `fetch` has thrown, or what is left of it: its code
 */
export function whyUnreached(thrown: unknown, place: Place): string | undefined {
  const error = causeOf(thrown)
  const code = textOf(error.code)
  const { host, hostname, protocol } = place
  // What stands in a placeholder may have one.
  const at =
    hasPort(host) || host.includes('${') ? host : `${host}:${protocol === 'https:' ? 443 : 80}`
  switch (code) {
    case 'ECONNREFUSED':
      return `nothing listens at ${at}`
    case 'ENOENT':
      return 'nothing listens at its socket any more'
    case 'ENOTFOUND':
      return `the name ${hostname} cannot be resolved`
    case 'EAI_AGAIN':
      return `the name ${hostname} cannot be resolved now; the name server does not answer`
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
    case connectTimeoutCode:
      return `${at} does not answer; no connection came about in time`
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `there is no way to ${at} from here (${code})`
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return protocol === 'https:'
        ? `${at} closed the connection`
        : `${at} closed the connection without an HTTP answer; if it speaks https://, say so in the URL`
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate of ${at} is for another name than ${hostname}`
    default:
      if (isPlainPort(code)) return `${at} speaks http://, not https://`
      if (isDistrust(code)) {
        return `the certificate of ${at} is not trusted (${textOf(error.message) || code}); NODE_EXTRA_CA_CERTS=FILE names the authority to trust`
      }
      if (code.startsWith('ERR_SSL_') || code === 'EPROTO') {
        return `no TLS connection to ${at} came about (${textOf(error.reason) || textOf(error.message) || code})`
      }
      if (error.name === 'HTTPParserError') return `what answers at ${at} does not speak HTTP`
      if (code === noHttpCode) {
        return `what answers at ${at} does not speak HTTP as it should: ${textOf(error.message)}`
      }
      return undefined
  }
}

/** Whether no request can have reached anybody: no connection came about. */
export function isUnreached(thrown: unknown): boolean {
  const code = textOf(causeOf(thrown).code)
  return connectCodes.has(code) || isPlainPort(code) || isDistrust(code)
}

const connectCodes = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  connectTimeoutCode,
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

interface Trouble {
  code?: unknown
  name?: unknown
  message?: unknown
  reason?: unknown
}

/** `fetch` says nothing but that it failed, and has the reason as its cause. */
function causeOf(thrown: unknown): Trouble {
  const { code, cause } = Object(thrown) as { code?: unknown; cause?: unknown }
  return Object(code === undefined && cause instanceof Error ? cause : thrown) as Trouble
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value.trim() : '')

const hasPort = (host: string): boolean => /:\d+$/.test(host)

/**
 * OpenSSL takes the beginning of an HTTP answer for a version of TLS; a Berth says in TLS that it
 * does not expect that (`tls-knock.ts`).
 */
const isPlainPort = (code: string): boolean =>
  /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|.*_ALERT_UNEXPECTED_MESSAGE)$/.test(code)

/** What OpenSSL has against a certificate. */
const isDistrust = (code: string): boolean =>
  /^(CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)_)/.test(code)
