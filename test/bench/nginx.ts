import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirOf } from '../needs/cache.ts'
import { prepareNeeds } from '../needs/prepare.ts'
import { needs } from '../needs/table.ts'
import type { Bench } from './scope.ts'

export const projectDir = join(import.meta.dirname, '..', '..', '..')

/** nginx is a yardstick that the machine may have, or that is fetched into the cache. */
export async function findNginx({ signal, say }: Bench): Promise<string | undefined> {
  const [outcome] = await prepareNeeds(
    needs.filter(({ name }) => name === 'nginx'),
    {
      projectDir,
      cacheDir: cacheDirOf(projectDir, process.env),
      env: process.env,
      signal,
      onFetch: () => say('fetching nginx (only the first time) …'),
    },
  )
  if (outcome === undefined) return undefined
  if (outcome.state !== 'missing') return outcome.place.path
  say(`without nginx: ${outcome.reason} (${outcome.command})`)
  return undefined
}

/**
 * One process, nothing buffered, every file in a folder of its own. It pins a session to its worker
 * by a table of the ids that the workers of the bench have; who has none yet gets the next worker.
 */
export function writeNginxConfig(options: {
  folder: string
  port: number
  origins: string[]
}): string {
  const { folder, port, origins } = options
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  for (const name of temporary) mkdirSync(join(folder, name))
  const workers = origins.map((origin) => new URL(origin))
  const file = join(folder, 'nginx.conf')
  writeFileSync(
    file,
    `daemon off;
master_process off;
pid ${join(folder, 'pid')};
error_log ${join(folder, 'error.log')};
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${join(folder, name)};`).join('\n  ')}
  upstream any { ${workers.map(({ host }) => `server ${host};`).join(' ')} }
  ${workers.map(({ host, port: own }) => `upstream bench-${own} { server ${host}; keepalive 64; }`).join('\n  ')}
  map $http_mcp_session_id $worker {
    default any;
    ${workers.map(({ port: own }) => `bench-${own} bench-${own};`).join('\n    ')}
  }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 1000000;
    location / {
      proxy_pass http://$worker;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 1h;
    }
  }
}
`,
  )
  return file
}
