import { endpointPath } from '../ground/paths.ts'
import { quoted } from '../ground/shell.ts'
import type { Server } from '../sessions/server.ts'

export const clientKinds = ['claude-code', 'vscode', 'cursor', 'inspector'] as const
export type ClientKind = (typeof clientKinds)[number]

/** What a client has to be told, so that it uses the servers of a gateway. */
export interface ClientConfig {
  /** Each does it for one server; quoted for a shell. Empty for clients that have files only. */
  commands: string[]
  /** The same as a file, relative to the project. Undefined for clients that have none. */
  file: { path: string; content: Record<string, unknown> } | undefined
}

export interface ClientConfigOptions {
  /** Where clients reach the gateway: `http://127.0.0.1:8080`, or `listen.publicUrl`. */
  baseUrl: string
  servers: readonly Pick<Server, 'name' | 'protocol' | 'isBundle'>[]
}

/** @see https://code.claude.com/docs/en/mcp, https://code.visualstudio.com/docs/copilot/reference/mcp-configuration, https://cursor.com/docs/mcp, https://modelcontextprotocol.io/docs/tools/inspector */
export function clientConfig(kind: ClientKind, options: ClientConfigOptions): ClientConfig {
  const base = options.baseUrl.replace(/\/+$/, '')
  // Agents that speak no MCP are nothing for a client of MCP.
  const entries = options.servers
    .filter(({ protocol }) => protocol === 'mcp')
    .map((server) => ({ name: server.name, url: `${base}${endpointPath(server)}` }))
  switch (kind) {
    case 'claude-code': {
      const named = distinct(entries)
      return {
        commands: named.map(
          ({ name, url }) => `claude mcp add --transport http ${name} ${quoted(url)}`,
        ),
        file: { path: '.mcp.json', content: { mcpServers: mapOf(named, true) } },
      }
    }
    case 'vscode':
      return {
        commands: entries.map(
          ({ name, url }) =>
            `code --add-mcp ${quoted(JSON.stringify({ name, type: 'http', url }))}`,
        ),
        file: { path: '.vscode/mcp.json', content: { servers: mapOf(entries, true) } },
      }
    case 'cursor':
      return {
        commands: [],
        file: { path: '.cursor/mcp.json', content: { mcpServers: mapOf(entries, false) } },
      }
    case 'inspector':
      return {
        commands: entries.flatMap(({ url }) => [
          `npx @modelcontextprotocol/inspector --server-url ${quoted(url)} --transport http`,
          `npx @modelcontextprotocol/inspector --cli ${quoted(url)} --transport http --method tools/list`,
        ]),
        file: undefined,
      }
  }
}

interface Entry {
  name: string
  url: string
}

function mapOf(entries: readonly Entry[], withType: boolean): Record<string, unknown> {
  return Object.fromEntries(
    entries.map(({ name, url }) => [name, withType ? { type: 'http', url } : { url }]),
  )
}

/** Claude Code takes letters, digits, dashes and underscores only; our names may have dots. */
function distinct(entries: readonly Entry[]): Entry[] {
  const taken = new Set<string>()
  return entries.map(({ name, url }) => {
    const plain = name.replaceAll('.', '-')
    let free = plain
    for (let count = 2; taken.has(free); count++) free = `${plain}-${count}`
    taken.add(free)
    return { name: free, url }
  })
}
