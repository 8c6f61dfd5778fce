import { mkdtempSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeFolder } from '../ground/removal.ts'

import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import type { Gateway, GatewayOptions } from '../gateway.ts'
import { startGateway } from '../gateway.ts'

/** Starts a gateway on free ports whose state is gone when it is closed. */
export async function startPrivateGateway(
  tree: Record<string, unknown>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Gateway> {
  return inTemporaryState((stateDir) => {
    const file = join(stateDir, 'berth.json')
    writeFileSync(
      file,
      JSON.stringify({ ...tree, stateDir, listen: { port: 0 }, admin: { port: 0 } }),
    )
    // Settings of the user's own gateway are not meant for this one.
    const own = Object.entries(env).filter(([name]) => !name.startsWith('BERTH_'))
    const config = loadConfig({
      file,
      env: Object.fromEntries(own),
      cwd: process.cwd(),
      homeDir: homedir(),
    })
    return startGateway(config)
  })
}

/** The same for a configuration that is loaded already; it lets in whoever tries it. */
export function startTrialGateway(config: Config, options: GatewayOptions): Promise<Gateway> {
  return inTemporaryState((stateDir) =>
    startGateway(
      {
        ...config,
        stateDir,
        listen: { ...config.listen, host: '127.0.0.1', port: 0 },
        admin: { ...config.admin, port: 0 },
        authorization: { ...config.authorization, global: 'none', servers: {} },
        // Each is tried once; nobody comes for what would wait.
        servers: config.servers.map((server) => ({ ...server, warm: undefined })),
      },
      options,
    ),
  )
}

async function inTemporaryState(start: (stateDir: string) => Promise<Gateway>): Promise<Gateway> {
  const stateDir = mkdtempSync(join(tmpdir(), 'berth-'))
  const remove = (): void => removeFolder(stateDir)
  try {
    const gateway = await start(stateDir)
    return {
      ...gateway,
      async close(options) {
        await gateway.close(options)
        remove()
      },
    }
  } catch (thrown) {
    remove()
    throw thrown
  }
}
