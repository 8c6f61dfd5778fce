import { spawn } from 'node:child_process'

import { compiled } from '../../support/config.ts'
import type { Attack } from '../attack.ts'
import { hostile } from '../stage.ts'

const main = compiled('src/cli/main.js')
/** Title, bell, clear, C1, bidi, and what a terminal answers by itself. */
const evil =
  '\u001b]0;pwned\u0007\u001b[2J\u009b31m\u009d0;x\u009c\u202e\u2066\u200f\u001bP1$r\u001b\\\u007f\b'
const unsafe =
  /\u001b\]|\u001bP|\u001b\[2J|[\u0007\u0008\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/

async function outputOf(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  }
  await new Promise((resolve) => child.once('close', resolve))
  return said
}

export const terminal: Attack[] = [
  {
    section: 'terminal',
    tries: 'names, descriptions, results and errors of a server with control characters',
    does: 'shown as text; --json escapes them',
    async run(scene) {
      const text = JSON.stringify(evil)
      const answers = {
        version: `{"jsonrpc":"2.0","id":%id,"result":{"protocolVersion":${text},"capabilities":{"tools":{}},"serverInfo":{"name":${text},"version":${text}}}}`,
        error: `{"jsonrpc":"2.0","id":%id,"error":{"code":-32000,"message":${text},"data":${text}}}`,
      }
      const mcpServers = {
        ...Object.fromEntries(
          Object.entries(answers).map(([name, HOSTILE]) => [name, hostile({ HOSTILE })]),
        ),
        named: hostile({}),
      }
      const stage = await scene.own({ mcpServers })
      const state = ['--state-dir', stage.stateDir]
      const evilText = JSON.stringify({ say: [], value: evil })
      const commands = [
        ['tools', stage.mcp('version')],
        ['tools', stage.mcp('error')],
        ['call', stage.mcp('named'), 'remember', '--args', evilText],
        ['call', stage.mcp('named'), 'remember', '--args', evilText, '--json'],
        ['call', stage.mcp('named'), evil],
        ['sessions', '--all', ...state],
        ['sessions', '--all', '--json', ...state],
        ['check', '--start', '--config', stage.configFile, ...state],
      ]
      const outputs = await Promise.all(commands.map(outputOf))
      for (const [at, args] of commands.entries()) {
        const said = outputs[at] ?? ''
        const found = unsafe.exec(said)?.[0]
        const named = args.slice(0, 2).join(' ').replace(stage.url, '')
        const told = said.length > 0 && found === undefined
        scene.tried(named + (args.includes('--json') ? ' --json' : ''), told, said)
      }
    },
  },
]
