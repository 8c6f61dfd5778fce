import { accessSync, constants } from 'node:fs'

import { programIn } from '../../ground/programs.ts'
import type { LocalLaunch } from '../driver.ts'
import type { KeeperHost, KeeperHostOptions } from '../keeper-host.ts'
import { createKeeperHost } from '../keeper-host.ts'

/** The keepers of servers in networks of their own, by whether those lead anywhere. */
export interface NetworkKeepers {
  of(outbound: boolean): KeeperHost
  close(): Promise<void>
}

export interface NetworkTools {
  bwrap: string
  /** Undefined where it is not installed: then no private network leads anywhere. */
  slirp: string | undefined
}

/**
 * The keeper stands in the network of its server, so that it reaches what listens on 127.0.0.1
 * there; the gateway reaches the keeper by its unix socket, which no network separates. bwrap is
 * what brings loopback up without iproute2. The first process of the PID namespace stays in the
 * network of the machine and has slirp4netns lead the traffic out; `--disable-host-loopback` keeps
 * it from what listens on the machine's own 127.0.0.1. Until it does, a pipe holds the keeper back.
 * It comes after bwrap has done its part: both bring loopback up, and bwrap fails where it is.
 */
const script = `
trap "" INT; exec 3<&0
bwrap=$1 slirp=$2 folder=$3; shift 3
hold=
if [ -n "$slirp" ]; then
  pipe=$(mktemp -u "$folder/XXXXXXXXXX.pipe") && mkfifo "$pipe" && exec 6<>"$pipe" || exit 1
  rm "$pipe"
  hold='--block-fd 6'
fi
"$bwrap" --unshare-net --dev-bind / / --die-with-parent $hold -- "$@" <&3 3<&- & keeper=$!
exec 3<&- <&-
if [ -n "$slirp" ]; then
  while inside=$(cat "/proc/$keeper/task/$keeper/children" 2>/dev/null); do
    inside=\${inside%% *}
    case $(cat "/proc/\${inside:-none}/net/fib_trie" 2>/dev/null) in *127.0.0.1*) break ;; esac
    sleep 0.01
  done
  { "$slirp" --configure --mtu=65520 --disable-host-loopback --ready-fd=6 "$inside" tap0 \
    >/dev/null 2>&1; kill "$keeper" 2>/dev/null; } &
fi
wait "$keeper"`

/** Words that stand before a keeper to give it a network of its own. */
export function networkPrefix(
  { namespace, runtimeDir }: Pick<KeeperHostOptions, 'namespace' | 'runtimeDir'>,
  { bwrap, slirp }: NetworkTools,
  outbound: boolean,
): string[] {
  const words = [
    'sh',
    '-c',
    script,
    'berth-keeper',
    bwrap,
    outbound ? (slirp ?? '') : '',
    runtimeDir,
  ]
  return [...namespace.enter, ...words]
}

/**
 * @param wanted the servers that there are: spare keepers are kept for each network that is used
 */
export function createNetworkKeepers(
  options: KeeperHostOptions,
  { tools, wanted }: { tools: NetworkTools; wanted: LocalLaunch[] },
): NetworkKeepers {
  const hosts = new Map<boolean, KeeperHost>()
  const create = (outbound: boolean, spares = options.spares): KeeperHost => {
    const prefix = networkPrefix(options, tools, outbound)
    const host = createKeeperHost({
      ...options,
      namespace: { ...options.namespace, prefix },
      spares,
    })
    hosts.set(outbound, host)
    return host
  }
  for (const launch of wanted) {
    const outbound = leadsOut(launch)
    if (hasOwnNetwork(launch) && !hosts.has(outbound)) create(outbound)
  }
  return {
    of: (outbound) => hosts.get(outbound) ?? create(outbound, 0),
    async close() {
      await Promise.all([...hosts.values()].map((host) => host.close()))
    },
  }
}

const tun = '/dev/net/tun'

/** Whether a private network can lead anywhere, or why not. */
export function findOutbound(
  searchPath: string,
): { available: true; slirp: string } | { available: false; why: string } {
  const slirp = programIn('slirp4netns', searchPath)
  const or = 'or set outbound: false'
  if (slirp === undefined) {
    const why = `network: private leads out through slirp4netns, which is not installed: apt-get install slirp4netns, ${or}`
    return { available: false, why }
  }
  try {
    accessSync(tun, constants.R_OK | constants.W_OK)
    return { available: true, slirp }
  } catch {
    const why = `network: private leads out through ${tun}, which may not be opened: as root, modprobe tun && chmod 0666 ${tun}, ${or}`
    return { available: false, why }
  }
}

/** Whether its keeper has to stand in the network with it: who speaks stdio needs no way in. */
export function hasOwnNetwork({ transport, sandbox }: LocalLaunch): boolean {
  return sandbox.network === 'private' || (sandbox.network === 'none' && transport === 'http')
}

export function leadsOut({ sandbox }: LocalLaunch): boolean {
  return sandbox.network === 'private' && sandbox.outbound
}
