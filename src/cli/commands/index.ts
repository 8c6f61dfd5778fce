import type { Command } from '../command.ts'
import { call } from './call.ts'
import { prompts } from './prompts.ts'
import { resources } from './resources.ts'
import { tools } from './tools.ts'

/** Every command, in the order of the help. One file and one line make another. */
export const commands: ReadonlyMap<string, Command> = new Map<string, Command>(
  [call, tools, resources, prompts].map((command: Command) => [command.name, command]),
)
