import { defineCommand } from '../command.ts'
import { loadOptions } from '../load-options.ts'

export const load = defineCommand({
  name: 'load',
  summary: 'Prove with many sessions at once that none sees a trace of another',
  usage: '[URL] [options]',
  options: loadOptions,
  details: [
    'Each session draws a secret (a canary), writes it everywhere it can, and looks for the canaries',
    'of all others in everything that it gets. Without URL, a Berth is started with a probe server',
    'of its own (with --self-test, name it berth).',
    '',
    'profiles: calls, elicitation, sampling, progress, streams, churn, mixed; or a YAML file that says',
    'which tools of your own server to call. Without one, a file to begin with is printed.',
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
