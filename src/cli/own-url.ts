import type { Config } from '../config/config.ts'
import { UsageError } from './command.ts'
import { urlValue } from './values.ts'

/** Where clients reach the gateway, without a slash at the end: what `--url` says, else its own. */
export function ownUrl({ publicUrl, host, port }: Config['listen'], given?: string): string {
  if (given !== undefined) return urlValue(given).href.replace(/\/+$/, '')
  if (publicUrl !== undefined) return publicUrl
  if (port === 0) {
    throw new UsageError('Berth takes a free port (listen.port: 0); say with --url which it took.')
  }
  const name = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}
