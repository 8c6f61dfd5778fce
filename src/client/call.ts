import type { RequestOptions } from '@modelcontextprotocol/sdk/shared/protocol.js'
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import type { CallToolResult, Tool } from '@modelcontextprotocol/sdk/types.js'

import { isTerminal, plain, plainLine, writeJson } from '../ground/terminal.ts'
import { argsOption, argumentWords, checkArguments, shownArguments } from './argument-check.ts'
import { argumentsOf } from './arguments.ts'
import type { Connection } from './connect.ts'
import { Failure } from './failures.ts'
import { fieldsOfTool } from './fields.ts'
import { findTool, toolsOf } from './offers.ts'
import type { ProgressBar } from './progress-bar.ts'
import { resultText } from './results.ts'
import { goOnLines, inSession } from './session.ts'
import type { AnswerOptions, Io, OpenSession, Target } from './session.ts'

export interface ToolCall extends AnswerOptions {
  tool: string
  /** Of `--args`. */
  args: Record<string, unknown>
  /** `key=value`, or one JSON object, in place of `args`. */
  words: readonly string[]
  /** The raw result on stdout, and nothing else there. */
  json: boolean
  /** Leaves the session open, and says how to go on with it. */
  keep: boolean
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
    async (session) => {
      const { tool: name, words, json, given } = call
      const tool = findTool(await toolsOf(session.connection), name)
      const fields = fieldsOfTool(tool)
      const args = words.length > 0 ? argumentsOf(words, fields) : call.args
      const form = words.length > 0 ? 'words' : 'option'
      const note = checkArguments(tool, args, form)
      if (note !== undefined) io.stderr.write(`${note}\n`)
      const result = await runTool(session, tool, args)
      for (const key of given.unused()) {
        io.stderr.write(`The answer ${plainLine(key)} was never asked for.\n`)
      }
      if (!call.keep) printResult(result, json, io)
      else {
        const id = session.keep()
        printResult(json ? { ...result, sessionId: id ?? null } : result, json, io)
        const shown = shownArguments(args, fields)
        const again =
          Object.keys(args).length === 0
            ? []
            : form === 'words'
              ? argumentWords(shown)
              : argsOption(shown)
        const lines = json ? [] : goOnLines(target, 'call', [name, ...again], id)
        for (const line of lines) io.stderr.write(`${io.asCalled(line)}\n`)
      }
      return result.isError === true || session.answering.misfits() > 0 ? 1 : 0
    },
    call,
  )
}

/** Calls the tool and shows how far it is. */
export async function runTool(
  { connection, bar }: Pick<OpenSession, 'connection' | 'bar'>,
  tool: Tool,
  args: Record<string, unknown>,
): Promise<CallToolResult> {
  const params = { name: tool.name, arguments: args }
  const result = await connection.request(
    (options) => requestTool(connection, tool, params, options, bar),
    bar.update,
  )
  bar.finish()
  return result
}

async function requestTool(
  { client, agreed }: Connection,
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
    // Where it is not known what the server offers, the SDK would not ask for a task.
    agreed === undefined ? { ...options, task: {} } : options,
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

export function printResult(
  result: CallToolResult,
  json: boolean,
  { stdout, stderr }: Pick<Io, 'stdout' | 'stderr'>,
): void {
  if (json) {
    writeJson(stdout, result)
    return
  }
  const out = result.isError === true ? stderr : stdout
  const text = resultText(result)
  out.write(`${isTerminal(out) ? plain(text) : text}\n`)
}
