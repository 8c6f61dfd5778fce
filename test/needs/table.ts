import { debianPackage } from './debian-package.ts'
import { pythonEnvironment } from './python-environment.ts'
import { pythonInterpreter } from './python-interpreter.ts'

/**
 * What tests need from the system. A package of Debian is one line:
 *
 *     debianPackage({ name: 'slirp4netns', why: 'private networks that lead out' }),
 */
export const needs = [
  pythonInterpreter({ name: 'python3', why: 'MCP servers in Python', atLeast: [3, 10] }),
  pythonEnvironment({ name: 'fastmcp3', why: 'the line in use', requirement: 'fastmcp==3.1.0' }),
  pythonEnvironment({ name: 'fastmcp4', why: 'both eras', requirement: 'fastmcp==4.0.10' }),
  pythonEnvironment({ name: 'boto3', why: 'the AWS SDK', requirement: 'boto3==1.43.107' }),
  debianPackage({ name: 'bubblewrap', why: 'the sandbox', executable: 'bwrap' }),
  debianPackage({ name: 'slirp4netns', why: 'private networks that lead out' }),
  debianPackage({ name: 'redis-server', why: 'the Redis store' }),
  debianPackage({
    name: 'chromium-headless-shell',
    why: 'the report of the load test',
    executable: 'usr/lib/chromium/chromium-headless-shell',
  }),
  debianPackage({ name: 'nginx', kind: 'bench', why: 'a yardstick', check: ['-v'] }),
] as const

export type NeedName = (typeof needs)[number]['name']
