import type { Command } from '../command.ts'
import { call } from './call.ts'
import { check } from './check.ts'
import { clientConfig } from './client-config.ts'
import { demo } from './demo.ts'
import { doctor } from './doctor.ts'
import { identity } from './identity.ts'
import { keys } from './keys.ts'
import { load } from './load.ts'
import { logs } from './logs.ts'
import { prompts } from './prompts.ts'
import { resources } from './resources.ts'
import { runtimes } from './runtimes.ts'
import { serve } from './serve.ts'
import { sessions } from './sessions.ts'
import { shell } from './shell.ts'
import { tools } from './tools.ts'

/** Every command, in the order of the help. One file and one line make another. */
export const commands: ReadonlyMap<string, Command> = new Map<string, Command>(
  [
    ...[demo, serve, check, doctor, call, shell, tools, resources, prompts, sessions, logs],
    identity,
    keys,
    runtimes,
    load,
    clientConfig,
  ].map((command: Command) => [command.name, command]),
)
