/** What the kernel tells a seccomp program about a call (`struct seccomp_data`). */
export interface Call {
  number: number
  auditArch: number
  args?: bigint[]
}

const allowed = 0x7fff0000
const killed = 0x80000000
const failed = 0x00050000

/** What a program of `seccompFilter` decides: `allow`, `kill` or the errno; as the kernel runs it. */
export function runProgram(program: Buffer, call: Call): 'allow' | 'kill' | number {
  const data = Buffer.alloc(64)
  data.writeUInt32LE(call.number >>> 0, 0)
  data.writeUInt32LE(call.auditArch, 4)
  for (const [index, arg] of (call.args ?? []).entries()) {
    data.writeBigUInt64LE(BigInt.asUintN(64, arg), 16 + index * 8)
  }
  let accumulator = 0
  for (let at = 0; at < program.length; at += 8) {
    const code = program.readUInt16LE(at)
    const operand = program.readUInt32LE(at + 4)
    const jumpIf = (condition: boolean): number => program[at + (condition ? 2 : 3)]! * 8
    if (code === 0x20) accumulator = data.readUInt32LE(operand)
    else if (code === 0x54) accumulator = (accumulator & operand) >>> 0
    else if (code === 0x15) at += jumpIf(accumulator === operand)
    else if (code === 0x35) at += jumpIf(accumulator >= operand)
    else if (code === 0x06) return verdictOf(operand)
    else throw new Error(`the kernel takes no instruction ${code.toString(16)} here`)
  }
  throw new Error('the program ends without a verdict')
}

function verdictOf(value: number): 'allow' | 'kill' | number {
  if (value === allowed) return 'allow'
  if (value === killed) return 'kill'
  if ((value & 0xffff0000) >>> 0 === failed) return value & 0xffff
  throw new Error(`no verdict: ${value.toString(16)}`)
}
