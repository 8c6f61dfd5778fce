import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ProgressNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type {
  CallToolResult,
  ClientCapabilities,
  CreateMessageRequest,
  CreateMessageResult,
  ElicitResult,
  Progress,
} from '@modelcontextprotocol/sdk/types.js'

export type ServerName = 'trip-planner' | 'expenses' | 'isolation-probe'
export const ways = ['stdio', 'http'] as const
export type Way = (typeof ways)[number]

export function demoFile(name: ServerName): string {
  const room = name === 'isolation-probe' ? 'load/probes' : 'demo'
  return fileURLToPath(new URL(`../../src/${room}/${name}.js`, import.meta.url))
}

const quick = { ...process.env, DEMO_STEP_MS: '0' } as Record<string, string>

/** The server as a process of its own, over HTTP on a free port; ended with the test. */
export async function startHttp(
  t: TestContext,
  name: ServerName,
  env: Record<string, string> = {},
): Promise<{ url: URL; pid: number; kill(): Promise<void> }> {
  const child = spawn(process.execPath, [demoFile(name), '--http', '--port', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...quick, ...env },
  })
  const exited = once(child, 'exit')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  t.after(kill)
  const [line] = (await once(createInterface(child.stderr), 'line')) as [string]
  const url = /http:\S+/.exec(line)?.[0]
  return { url: new URL(url ?? `no URL in: ${line}`), pid: child.pid ?? 0, kill }
}

export interface Scripted {
  /** By the key of the only or first field of a question. */
  elicit?: Record<string, ElicitResult>
  sample?: (request: CreateMessageRequest['params']) => CreateMessageResult
  capabilities?: ClientCapabilities
  env?: Record<string, string>
}

export interface Opened {
  client: Client
  /** The first field of each question that was asked. */
  asked: string[]
  /**
   * The progress of all calls, as it arrived: the SDK's own `onprogress` misses what comes in one
   * piece with the result.
   */
  progress: Progress[]
  call: (tool: string, args?: Record<string, unknown>) => Promise<CallToolResult>
}

/** The official client, answering from a script, at a demo server of its own. */
export async function open(
  t: TestContext,
  name: ServerName,
  way: Way,
  {
    elicit = {},
    sample,
    capabilities = { elicitation: {}, sampling: {} },
    env = {},
  }: Scripted = {},
): Promise<Opened> {
  const asked: string[] = []
  const client = new Client({ name: 'test', version: '1.0.0' }, { capabilities })
  if (capabilities.elicitation) {
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      const [key = ''] =
        'requestedSchema' in params ? Object.keys(params.requestedSchema.properties) : []
      asked.push(key)
      return elicit[key] ?? { action: 'cancel' }
    })
  }
  if (capabilities.sampling) {
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => {
      if (!sample) throw Object.assign(new Error('User rejected sampling request'), { code: -1 })
      return sample(params)
    })
  }
  t.after(() => client.close())
  const progress: Progress[] = []
  const transport = await transportTo(t, name, way, env)
  transport.onmessage = (message) => {
    const read = ProgressNotificationSchema.safeParse(message)
    if (!read.success) return
    const { progressToken, ...reported } = read.data.params
    assert.notEqual(progressToken, undefined)
    progress.push(reported)
  }
  await client.connect(transport)
  return {
    client,
    asked,
    progress,
    call: async (tool, args = {}) =>
      (await client.callTool({ name: tool, arguments: args })) as CallToolResult,
  }
}

async function transportTo(
  t: TestContext,
  name: ServerName,
  way: Way,
  env: Record<string, string>,
): Promise<Transport> {
  if (way === 'http') {
    const { url } = await startHttp(t, name, env)
    return new StreamableHTTPClientTransport(url)
  }
  return new StdioClientTransport({
    command: process.execPath,
    args: [demoFile(name)],
    env: { ...quick, ...env },
  })
}

export function accept(content: NonNullable<ElicitResult['content']>): ElicitResult {
  return { action: 'accept', content }
}

export function written(text: string): CreateMessageResult {
  return { role: 'assistant', content: { type: 'text', text }, model: 'test' }
}

export function textOf({ content }: CallToolResult): string {
  return content.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join('\n')
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
