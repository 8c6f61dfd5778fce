import { defineCommand } from '../command.ts'
import { loadOptions } from '../load-options.ts'

export const load = defineCommand({
  name: 'load',
  summary: 'Prove with many sessions at once that none sees a trace of another',
  usage: '[URL] [options]',
  options: loadOptions,
  details: [
    'Each session draws a secret, its canary, and writes it everywhere it can. Everything that it gets',
    'back is searched for the canaries of all the others. URL is any MCP server. Without it, load starts',
    'a Berth of its own with a probe server behind it (with --self-test, call that one berth).',
    '',
    'profiles: calls, elicitation, sampling, progress, streams, churn, mixed; or a YAML file that says',
    'which tools of your own server to call. If you have none yet, load prints one to begin with.',
    '',
    'examples:',
    '  mcp-berth load --report load.html',
    '  mcp-berth load http://127.0.0.1:8080/mcp --sessions 500 --rate 500/s',
    '  mcp-berth load http://127.0.0.1:8080/mcp --profile scenario.yaml',
    '',
    'exit codes: 0 PASS, 1 FAIL (a leak, a broken promise), 2 INCONCLUSIVE, nothing tested, or wrong usage',
  ],
  async run(context) {
    // Only now: the histograms and the HTTP client take longer to load than most commands to run.
    const { runLoadCommand } = await import('../load-run.ts')
    return runLoadCommand(context)
  },
})
