import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { z } from 'zod'

import { breakOutNames, breakOuts, tryBreakOut } from './break-outs.ts'
import type { BreakOut } from './break-outs.ts'
import { plantCanary } from './canary.ts'
import type { Talk } from './channels.ts'
import { channelTools } from './channels.ts'
import type { Extra } from './conversation.ts'
import { converse } from './conversation.ts'
import { serveMcp } from './serve-mcp.ts'

const targetShape = z.union([z.string(), z.number()])

function createProbe(): McpServer {
  const server = new McpServer(
    { name: 'isolation-probe', title: 'Isolation probe', version: '1.0.0' },
    {
      capabilities: { logging: {} },
      instructions:
        'Tries to get out of the isolation that it runs in, and says what came of it. Nothing is ' +
        'damaged and nothing is left behind. Call attempts, then attempt with one of the names.',
    },
  )

  server.registerTool(
    'attempts',
    {
      title: 'List the ways out',
      description: 'The names that attempt takes, and what each of them goes after.',
      outputSchema: {
        attempts: z.array(
          z.object({ name: z.string(), about: z.string(), target: z.string().nullable() }),
        ),
      },
      annotations: { readOnlyHint: true },
    },
    () => {
      const attempts = breakOutNames.map((name) => {
        const { about, target }: BreakOut = breakOuts[name]
        return { name, about, target }
      })
      return {
        content: [
          {
            type: 'text',
            text: attempts.map(({ name, about }) => `${name}: ${about}.`).join('\n'),
          },
        ],
        structuredContent: { attempts },
      }
    },
  )

  server.registerTool(
    'attempt',
    {
      title: 'Try one way out',
      description: 'Says whether it was stopped, and by what, or what it got.',
      inputSchema: {
        name: z.enum(breakOutNames),
        target: z.union([targetShape, z.array(targetShape)]).optional(),
      },
      outputSchema: {
        name: z.string(),
        outcome: z.enum(['stopped', 'got-through', 'not-tried']),
        how: z.string(),
      },
      annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: true },
    },
    async ({ name, target }) => {
      const { outcome, how } = await tryBreakOut(name, target)
      return {
        content: [{ type: 'text', text: `${name}: ${outcome} (${how})` }],
        structuredContent: { name, outcome, how },
      }
    },
  )

  server.registerTool(
    'plant',
    {
      title: 'Plant a canary',
      description:
        'Puts a secret into the memory, the environment, the files and the sockets of this ' +
        'session and says where, so that another session can be sent after it.',
      outputSchema: {
        pid: z.number().int(),
        start: z.string().nullable().describe('Field 22 of /proc/PID/stat'),
        childPid: z.number().int(),
        workspace: z.string(),
        workspaceFile: z.string(),
        temporaryFile: z.string(),
        port: z.number().int(),
        socket: z.string().nullable(),
        abstractSocket: z.string().nullable(),
      },
      annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: false },
    },
    async () => {
      const planted = await plantCanary()
      return {
        content: [{ type: 'text', text: JSON.stringify(planted) }],
        structuredContent: { ...planted },
      }
    },
  )
  registerChannels(server)
  return server
}

/** The ways for a text through a session, for the load test. */
function registerChannels(server: McpServer): void {
  for (const [name, { title, description, fields, run }] of Object.entries(channelTools)) {
    const inputSchema = Object.fromEntries(
      Object.entries(fields).map(([field, type]) => [
        field,
        type === 'number' ? z.number() : z.string(),
      ]),
    )
    server.registerTool(name, { title, description, inputSchema }, async (args, extra) => ({
      content: [{ type: 'text', text: await run(args, talkOf(server, extra)) }],
    }))
  }
}

function talkOf(server: McpServer, extra: Extra): Talk {
  const talk = converse(server, extra)
  return {
    async ask(text) {
      const properties = { answer: { type: 'string' as const } }
      const asked = await talk.ask(text, { type: 'object', properties, required: ['answer'] })
      return asked.action === 'accept' ? String(asked.content['answer']) : asked.action
    },
    async sample(text) {
      const sampled = await talk.sample('Answer with one word.', text)
      return sampled.action === 'written' ? sampled.text : sampled.action
    },
    async progress(at, total, message) {
      const progressToken = extra._meta?.progressToken
      if (progressToken === undefined) return
      const params = { progressToken, progress: at, total, message }
      await extra.sendNotification({ method: 'notifications/progress', params })
    },
    log: (data) => server.sendLoggingMessage({ level: 'info', logger: 'load', data }),
  }
}

await serveMcp('isolation-probe', createProbe)
