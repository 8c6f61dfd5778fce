import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'

import { isCancel, log, multiline, select } from '@clack/prompts'
import type { CreateMessageResult } from '@modelcontextprotocol/sdk/types.js'

import { messageOf } from '../ground/errors.ts'
import { plain } from '../ground/terminal.ts'
import { brief } from '../ground/text.ts'
import { RpcFailure } from './connect.ts'
import type { SamplingRequest } from './connect.ts'
import type { Screen } from './prompts.ts'

/** More is not read by a person, and takes the prompt seconds to draw. */
const shownLength = 20_000

/** What the specification's examples answer when the user does not want to. */
export function samplingRefused(): RpcFailure {
  return new RpcFailure(-1, 'User rejected sampling request')
}

/** Shows the request and lets the user write what a language model would answer. */
export async function sampleByHand(
  request: SamplingRequest,
  screen: Screen,
  signal: AbortSignal,
): Promise<CreateMessageResult> {
  const streams = { ...screen, signal }
  const asked = brief(plain(samplingText(request)), shownLength)
  log.step(`The server asks a language model:\n\n${asked}`, streams)
  const choice = await select({
    message: 'You are the model here. Do you write the reply?',
    options: [
      { value: 'write', label: 'Write it' },
      { value: 'refuse', label: 'Refuse' },
    ],
    showInstructions: false,
    ...streams,
  })
  if (choice !== 'write') throw samplingRefused()
  const text = await multiline({
    message: 'Your reply (enter twice to send)',
    validate: (value) => (value?.trim() ? undefined : 'A reply is needed.'),
    ...streams,
  })
  if (isCancel(text)) throw samplingRefused()
  return reply(text, 'a person')
}

/**
 * Hands the request as JSON to a shell command; what it prints is the reply.
 *
 * @throws RpcFailure when it cannot be run, fails or prints nothing.
 */
export async function sampleWith(
  command: string,
  request: SamplingRequest,
  stderr: Writable,
  signal: AbortSignal,
): Promise<CreateMessageResult> {
  const text = await new Promise<string>((resolve, reject) => {
    // A group of its own, so that what the shell started can be ended with it.
    const child = spawn(command, { shell: true, detached: true, stdio: 'pipe' })
    const fail = (why: string): void => reject(new RpcFailure(-32603, `Sampling failed: ${why}`))
    const kill = (): void => {
      if (child.pid !== undefined) killGroup(child.pid)
    }
    signal.addEventListener('abort', kill)
    let printed = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk))
    child.stderr.pipe(stderr, { end: false })
    child.once('error', (error) => fail(messageOf(error)))
    child.once('close', (code, ended) => {
      signal.removeEventListener('abort', kill)
      if (code !== 0) fail(`the command ended with ${code ?? ended ?? 'an error'}`)
      else if (printed.trim() === '') fail('the command printed nothing')
      else resolve(printed.trimEnd())
    })
    // A command that does not read its input is free not to.
    child.stdin.on('error', () => undefined)
    child.stdin.end(JSON.stringify(request))
    if (signal.aborted) kill()
  })
  return reply(text, 'a command')
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGTERM')
  } catch {
    // It has ended.
  }
}

function reply(text: string, model: string): CreateMessageResult {
  return { role: 'assistant', content: { type: 'text', text }, model, stopReason: 'endTurn' }
}

function samplingText({ systemPrompt, messages }: SamplingRequest): string {
  const said = messages.flatMap(({ role, content }) =>
    (Array.isArray(content) ? content : [content]).map((part) =>
      part.type === 'text' ? `${role}: ${part.text}` : `${role}: [${part.type}]`,
    ),
  )
  return [...(systemPrompt === undefined ? [] : [systemPrompt]), ...said].join('\n')
}
