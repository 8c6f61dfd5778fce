import { getPromptIn, readResourceIn, writePrompts, writeResources, writeTools } from './showing.ts'
import type { ListOptions } from './showing.ts'
import { findPrompt, promptsOf, resourcesOf, toolsOf } from './offers.ts'
import { inSession } from './session.ts'
import type { Io, Target } from './session.ts'

// Each of these does one thing in a session, and returns 0, or 130 if the user stopped it.

export function listTools(target: Target, options: ListOptions, io: Io): Promise<number> {
  return inSession(target, io, async ({ connection }) => {
    writeTools(await toolsOf(connection), options, io)
    return 0
  })
}

export function listResources(target: Target, options: ListOptions, io: Io): Promise<number> {
  return inSession(target, io, async ({ connection }) => {
    writeResources(await resourcesOf(connection), options, io)
    return 0
  })
}

export function readResource(
  target: Target,
  { uri, ...options }: ListOptions & { uri: string },
  io: Io,
): Promise<number> {
  return inSession(target, io, async ({ connection }) => {
    await readResourceIn(connection, uri, options, io)
    return 0
  })
}

export function listPrompts(target: Target, options: ListOptions, io: Io): Promise<number> {
  return inSession(target, io, async ({ connection }) => {
    writePrompts(await promptsOf(connection), options, io)
    return 0
  })
}

export function getPrompt(
  target: Target,
  { name, args, ...options }: ListOptions & { name: string; args: Record<string, unknown> },
  io: Io,
): Promise<number> {
  return inSession(target, io, async ({ connection }) => {
    const prompt = findPrompt(await promptsOf(connection), name)
    await getPromptIn(connection, prompt, args, options, io)
    return 0
  })
}
