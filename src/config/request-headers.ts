/** Restricted by AgentCore: they belong to the connection, to browsers, caches and proxies. */
const restricted = new Set(
  [
    'proxy-authorization www-authenticate accept accept-charset accept-encoding accept-language',
    'content-type content-length content-encoding content-language content-location content-range',
    'cache-control etag expires if-match if-modified-since if-none-match if-range',
    'if-unmodified-since last-modified pragma vary connection keep-alive proxy-connection upgrade',
    'host user-agent referer from range accept-ranges transfer-encoding te trailer server date',
    'location retry-after set-cookie cookie content-security-policy',
    'content-security-policy-report-only strict-transport-security x-content-type-options',
    'x-frame-options x-xss-protection referrer-policy permissions-policy',
    'cross-origin-embedder-policy cross-origin-opener-policy cross-origin-resource-policy',
    'access-control-allow-origin access-control-allow-methods access-control-allow-headers',
    'access-control-allow-credentials access-control-expose-headers access-control-max-age',
    'access-control-request-method access-control-request-headers origin accept-ch',
    'accept-ch-lifetime dpr width viewport-width downlink ect rtt save-data clear-site-data',
    'feature-policy expect-ct public-key-pins public-key-pins-report-only via forwarded',
    'x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip x-requested-with x-csrf-token',
    'true-client-ip x-client-ip x-cluster-client-ip x-originating-ip x-source-ip x-original-url',
    'x-original-host x-rewrite-url cf-ray cf-connecting-ip x-cache x-served-by link',
    'sec-websocket-key sec-websocket-accept sec-websocket-version sec-websocket-protocol',
    'sec-websocket-extensions expect mcp-session-id workloadaccesstoken oauth2callbackurl',
  ].flatMap((names) => names.split(' ')),
)

const customPrefix = 'x-amzn-bedrock-agentcore-runtime-custom-'

/**
 * What keeps a header out of `requestHeaderAllowlist`, if anything.
 *
 * @see https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-header-allowlist.html
 */
export function headerProblem(name: string, index: number, names: readonly string[]) {
  const lower = name.toLowerCase()
  if (restricted.has(lower)) return `${name} can never be passed on; take it out.`
  if (lower.startsWith('x-amz-') || lower.startsWith('x-berth-')) {
    return `${name} is reserved (x-amz- for signatures, x-berth- for Berth); take it out.`
  }
  if (lower.startsWith('x-amzn-') && !lower.startsWith(customPrefix)) {
    return `${name} is reserved; of x-amzn- only X-Amzn-Bedrock-AgentCore-Runtime-Custom- may be listed.`
  }
  const first = names.findIndex((other) => other.toLowerCase() === lower)
  return first === index ? undefined : `${name} stands there twice; take one out.`
}
