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
  /** Whether a server takes API keys: its entry then sends one, which is nowhere in plain. */
  takesKey(server: string): boolean
}

/** @see https://code.claude.com/docs/en/mcp, https://code.visualstudio.com/docs/copilot/reference/mcp-configuration, https://cursor.com/docs/mcp, https://modelcontextprotocol.io/docs/tools/inspector */
export function clientConfig(kind: ClientKind, options: ClientConfigOptions): ClientConfig {
  const base = options.baseUrl.replace(/\/+$/, '')
  // Agents that speak no MCP are nothing for a client of MCP.
  const entries = options.servers
    .filter(({ protocol }) => protocol === 'mcp')
    .map((server) => ({
      name: server.name,
      url: `${base}${endpointPath(server)}`,
      hasKey: options.takesKey(server.name),
    }))
  switch (kind) {
    case 'claude-code': {
      const named = distinct(entries)
      return {
        commands: named.map(({ name, url, hasKey }) =>
          hasKey
            ? `claude mcp add --scope project --transport http ${name} ${quoted(url)} --header ${quoted(keyAs('${BERTH_API_KEY}'))}`
            : `claude mcp add --transport http ${name} ${quoted(url)}`,
        ),
        file: {
          path: '.mcp.json',
          content: { mcpServers: mapOf(named, '${BERTH_API_KEY}', true) },
        },
      }
    }
    case 'vscode':
      return {
        // What it asks for can be written into its file alone.
        commands: entries
          .filter(({ hasKey }) => !hasKey)
          .map(
            ({ name, url }) =>
              `code --add-mcp ${quoted(JSON.stringify({ name, type: 'http', url }))}`,
          ),
        file: {
          path: '.vscode/mcp.json',
          content: {
            ...(entries.some(({ hasKey }) => hasKey) ? { inputs: [keyInput] } : {}),
            servers: mapOf(entries, '${input:berth-api-key}', true),
          },
        },
      }
    case 'cursor':
      return {
        commands: [],
        file: {
          path: '.cursor/mcp.json',
          content: { mcpServers: mapOf(entries, '${env:BERTH_API_KEY}', false) },
        },
      }
    case 'inspector':
      return {
        commands: entries.flatMap(({ url, hasKey }) => {
          const key = hasKey ? ` --header "${keyAs('$BERTH_API_KEY')}"` : ''
          return [
            `npx @modelcontextprotocol/inspector --server-url ${quoted(url)} --transport http${key}`,
            `npx @modelcontextprotocol/inspector --cli ${quoted(url)} --transport http${key} --method tools/list`,
          ]
        }),
        file: undefined,
      }
  }
}

interface Entry {
  name: string
  url: string
  hasKey: boolean
}

const keyAs = (key: string): string => `Authorization: Bearer ${key}`

/** VS Code asks for it once, and keeps it where it keeps passwords. */
const keyInput = {
  type: 'promptString',
  id: 'berth-api-key',
  description: 'API key of Berth',
  password: true,
}

/** @param key by which the client finds it */
function mapOf(entries: readonly Entry[], key: string, withType: boolean): Record<string, unknown> {
  return Object.fromEntries(
    entries.map(({ name, url, hasKey }) => {
      const headers = hasKey ? { headers: { Authorization: `Bearer ${key}` } } : {}
      return [name, { ...(withType ? { type: 'http' } : {}), url, ...headers }]
    }),
  )
}

/** Claude Code takes letters, digits, dashes and underscores only; our names may have dots. */
function distinct(entries: readonly Entry[]): Entry[] {
  const taken = new Set<string>()
  return entries.map(({ name, ...rest }) => {
    const plain = name.replaceAll('.', '-')
    let free = plain
    for (let count = 2; taken.has(free); count++) free = `${plain}-${count}`
    taken.add(free)
    return { name: free, ...rest }
  })
}
