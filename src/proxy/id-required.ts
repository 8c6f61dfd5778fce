import type { IncomingHttpHeaders } from 'node:http'

import { GatewayError } from '../ground/errors.ts'
import { mcpVersions, supportedVersions } from '../ground/mcp-versions.ts'

/** Why a request that names no session is refused; who speaks another version hears which there are. */
export function idRequired(headers: IncomingHttpHeaders): GatewayError {
  const version = headers['mcp-protocol-version']
  if (version === undefined || mcpVersions.includes(String(version))) {
    return new GatewayError('ERR_PROXY_ID_REQUIRED')
  }
  const versions = ` This MCP-Protocol-Version is not supported (supported: ${mcpVersions.join(', ')}).`
  return new GatewayError('ERR_PROXY_ID_REQUIRED', {
    params: { versions },
    data: supportedVersions,
  })
}
