import { execFile } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'

import { codeOf } from '../limits/cgroup-files.ts'
import type { PidNamespace } from '../pid-namespace.ts'
import type { NetworkTools } from '../sandbox/network.ts'
import { networkPrefix } from '../sandbox/network.ts'
import { asUser } from '../sandbox/probe.ts'

const trialMs = 10_000
/** slirp4netns takes some 20 ms. */
const networkMs = 5000

/** Ends when the network is as it should be: these interfaces up, and no others. */
const inside = `
const { networkInterfaces } = require('node:os')
const look = () => Object.keys(networkInterfaces()).sort().join() === process.argv[1] && process.exit()
look()
setInterval(look, 10)
setTimeout(() => process.exit(1), ${networkMs})`

/** What went wrong; empty: nothing did. */
export function tryUserNamespace(): Promise<string> {
  return problemOf([...asUser, 'true'])
}

/** The same network that a keeper and its server would stand in. */
export function tryNetwork(
  namespace: PidNamespace,
  tools: NetworkTools,
  { outbound, folder }: { outbound: boolean; folder: string },
): Promise<string> {
  const wanted = outbound ? 'lo,tap0' : 'lo'
  const prefix = networkPrefix({ namespace, runtimeDir: folder }, tools, outbound)
  return problemOf([...prefix, process.execPath, '-e', inside, wanted])
}

export type Tun = 'usable' | 'missing' | 'refused'

/** /dev/net/tun is what traffic is led out through; to open it changes nothing. */
export function tryTun(): Tun {
  const device = '/dev/net/tun'
  if (!existsSync(device)) return 'missing'
  try {
    closeSync(openSync(device, 'r+'))
    return 'usable'
  } catch (thrown) {
    // There is a node for it, but no driver behind it.
    return ['ENODEV', 'ENXIO'].includes(codeOf(thrown)) ? 'missing' : 'refused'
  }
}

function problemOf(words: string[]): Promise<string> {
  const [command = '', ...args] = words
  return new Promise((resolve) => {
    execFile(command, args, { timeout: trialMs }, (error, _stdout, stderr) => {
      if (error === null) resolve('')
      else if (error.code === 'ENOENT') resolve(`${command} is not installed (package util-linux)`)
      else resolve(stderr.trim().split('\n').at(-1) || 'it failed without a word')
    })
  })
}
