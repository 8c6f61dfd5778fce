import type { BerthEvents, EventName } from '../../src/ground/events.ts'
import { invocationUrl } from '../../src/config/runtime-arn.ts'
import type { Gateway, GatewayOptions } from '../../src/gateway.ts'
import { startGateway } from '../../src/gateway.ts'
import { atEnd } from './at-end.ts'
import type { TestConfig, TestServer } from './config.ts'
import { testConfig, testServer } from './config.ts'
import { longEnoughMs } from './patience.ts'
import type { Owner } from './temp.ts'
import { tempDir } from './temp.ts'

export interface TestGateway extends Gateway {
  stateDir: string
  /** The MCP endpoint of a server. */
  mcp(server: string): string
  /** That of a bundle. */
  bundle(name: string): string
  /** The same as AgentCore has it, and its ARN. */
  runtime(server: string): { url: string; arn: string }
  /** What happened so far. */
  seen<N extends EventName>(name: N): BerthEvents[N][]
  /** The next event of this name that fits; it may have come already. */
  saw<N extends EventName>(
    name: N,
    fits?: (news: BerthEvents[N]) => boolean,
  ): Promise<BerthEvents[N]>
}

/** A gateway of the test's own, in this process, on free ports; closed after the test. */
export async function startTestGateway(
  t: Owner,
  servers: Record<string, TestServer>,
  overrides: TestConfig = {},
  options: Pick<GatewayOptions, 'clock' | 'freeMemory'> = {},
): Promise<TestGateway> {
  const stateDir = tempDir(t)
  const configured = Object.entries(servers).map(([name, options]) => testServer(name, options))
  const gateway = await startGateway(testConfig(stateDir, configured, overrides), {
    // Most tests have one session, and a spare keeper would be started for nobody.
    spareKeepers: 0,
    ...options,
  })
  atEnd(t, () => gateway.close({ drainMs: 0 }))
  const log: { name: EventName; news: unknown }[] = []
  gateway.events.onAny((name, news) => log.push({ name, news }))
  const seen = <N extends EventName>(name: N): BerthEvents[N][] =>
    log.filter((entry) => entry.name === name).map(({ news }) => news as BerthEvents[N])
  return {
    ...gateway,
    stateDir,
    mcp: (server) => `${gateway.url}/servers/${server}/mcp`,
    bundle: (name) => `${gateway.url}/bundles/${name}/mcp`,
    runtime(server) {
      const arn = configured.find(({ name }) => name === server)?.runtimeArn ?? ''
      return { arn, url: invocationUrl(gateway.url, arn) }
    },
    seen,
    saw: (name, fits = () => true) =>
      new Promise((resolve, reject) => {
        const found = seen(name).find(fits)
        if (found !== undefined) {
          resolve(found)
          return
        }
        const limit = setTimeout(() => {
          const all = log.map((entry) => `${entry.name} ${JSON.stringify(entry.news)}`)
          reject(new Error(`no ${name} came; what came:\n${all.join('\n')}`))
        }, longEnoughMs)
        const stop = gateway.events.on(name, (news) => {
          if (!fits(news)) return
          clearTimeout(limit)
          stop()
          resolve(news)
        })
      }),
  }
}
