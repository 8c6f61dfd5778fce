import { createHash } from 'node:crypto'

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/**
 * The ARN of a server that has none of its own: always the same for the same name. AgentCore's
 * names have letters, digits and underscores; what makes two of ours differ is in the suffix.
 */
export function runtimeArnOf(
  name: string,
  { accountId, region }: { accountId: string; region: string },
): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_]/g, '_').replace(/^(?=[^A-Za-z])/, 'r')
  const bytes = createHash('sha256').update(name).digest().subarray(0, 10)
  const suffix = [...bytes].map((byte) => letters[byte % letters.length]).join('')
  return `arn:aws:bedrock-agentcore:${region}:${accountId}:runtime/${plain.slice(0, 48)}-${suffix}`
}

/** Where a runtime is invoked: the ARN is one segment of the path. */
export function invocationUrl(baseUrl: string, arn: string): string {
  return `${baseUrl}/runtimes/${encodeURIComponent(arn)}/invocations?qualifier=DEFAULT`
}
