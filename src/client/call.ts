import type { RequestOptions } from '@modelcontextprotocol/sdk/shared/protocol.js'
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import type { CallToolResult, Tool } from '@modelcontextprotocol/sdk/types.js'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv'
import type { JsonSchemaType } from '@modelcontextprotocol/sdk/validation'

import { closest } from '../ground/closest.ts'
import { isTerminal, plain, plainLine, writeJson } from '../ground/terminal.ts'
import type { Connection } from './connect.ts'
import { Failure } from './failures.ts'
import type { ProgressBar } from './progress-bar.ts'
import { resultText } from './results.ts'
import { allPages, inSession } from './session.ts'
import type { AnswerOptions, Io, Target } from './session.ts'

export interface ToolCall extends AnswerOptions {
  tool: string
  args: Record<string, unknown>
  /** The raw result on stdout, and nothing else there. */
  json: boolean
}

/**
 * Calls one tool and holds the conversation that it wants to have.
 *
 * @returns 0; 1 if the tool reports an error or an answer given before did not fit; 130 if stopped.
 * @throws Failure with a sentence for the user.
 */
export function callTool(target: Target, call: ToolCall, io: Io): Promise<number> {
  return inSession(
    target,
    io,
    async ({ connection, bar, answering }) => {
      const tool = findTool(await toolsOf(connection), call.tool)
      checkArguments(tool, call.args)
      const params = { name: call.tool, arguments: call.args }
      const result = await connection.request(
        (options) => runTool(connection, tool, params, options, bar),
        bar.update,
      )
      bar.finish()
      for (const key of call.given.unused()) {
        io.stderr.write(`The answer ${plainLine(key)} was never asked for.\n`)
      }
      print(result, call.json, io)
      return result.isError === true || answering.hadMisfit() ? 1 : 0
    },
    call,
  )
}

/** @throws Failure if the server has none. */
export async function toolsOf(connection: Connection): Promise<Tool[]> {
  const { client } = connection
  if (!client.getServerCapabilities()?.tools) {
    throw new Failure(`The server ${plainLine(connection.serverName)} has no tools.`)
  }
  return allPages(
    (cursor) => connection.request((options) => client.listTools(cursor, options)),
    ({ tools }) => tools,
  )
}

function findTool(tools: Tool[], name: string): Tool {
  const tool = tools.find((one) => one.name === name)
  if (tool) return tool
  const names = tools.map((one) => one.name)
  const meant = closest(name, names)
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`
  throw new Failure(
    plainLine(`There is no tool ${name}.${hint} The tools are: ${names.join(', ')}.`),
  )
}

function checkArguments({ name, inputSchema }: Tool, args: Record<string, unknown>): void {
  let problem: string | undefined
  try {
    problem = new AjvJsonSchemaValidator().getValidator(inputSchema as JsonSchemaType)(
      args,
    ).errorMessage
  } catch {
    // The schema itself is beyond the validator; the server will judge.
    return
  }
  if (problem === undefined) return
  const readable = problem
    .replaceAll(/(^|, )data\//g, '$1')
    .replaceAll(/(^|, )data /g, '$1the arguments ')
  const given = JSON.stringify(args)
  throw new Failure(plainLine(`${name} does not take --args '${given}': ${readable}.`))
}

async function runTool(
  { client }: Connection,
  tool: Tool,
  params: { name: string; arguments: Record<string, unknown> },
  options: RequestOptions,
  bar: ProgressBar,
): Promise<CallToolResult> {
  if (tool.execution?.taskSupport !== 'required') {
    return (await client.callTool(params, CallToolResultSchema, options)) as CallToolResult
  }
  // A tool that is only to be had as a task of 2025-11-25.
  let said: string | undefined
  let stages = 0
  for await (const news of client.experimental.tasks.callToolStream(
    params,
    CallToolResultSchema,
    options,
  )) {
    if (news.type === 'result') return news.result
    if (news.type === 'error') throw news.error
    const { statusMessage } = news.task
    if (statusMessage === undefined || statusMessage === said) continue
    said = statusMessage
    stages += 1
    bar.update({ progress: stages, message: statusMessage })
  }
  throw new Failure(`The task of ${plainLine(tool.name)} ended without a result.`)
}

function print(result: CallToolResult, json: boolean, { stdout, stderr }: Io): void {
  if (json) {
    writeJson(stdout, result)
    return
  }
  const out = result.isError === true ? stderr : stdout
  const text = resultText(result)
  out.write(`${isTerminal(out) ? plain(text) : text}\n`)
}
