// What every script here does: read one JSON value, stay on this machine, print one JSON value.
// Import this before any client, so that the client finds the guarded fetch and sockets.
import net from 'node:net'

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[?::1\]?)$/

const realFetch = globalThis.fetch
const realConnect = net.Socket.prototype.connect
let standIns = []

// Answer for hosts that do not exist here: pairs of a URL prefix and (url, init) => Response.
export function standInFor (...pairs) {
  standIns = pairs
}

globalThis.fetch = async (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input)
  const found = standIns.find(([prefix]) => url.href.startsWith(prefix))
  if (found) return found[1](url, init ?? input)
  if (LOOPBACK.test(url.hostname)) return realFetch(input, init)
  throw new TypeError(`fetch failed: ${url.origin} is not on this machine`)
}

// Clients that bring an HTTP stack of their own end here.
net.Socket.prototype.connect = function (...args) {
  const options = Array.isArray(args[0]) ? args[0][0] : args[0]
  const host = typeof options === 'object' ? options.host ?? 'localhost' : args[1] ?? 'localhost'
  if (!LOOPBACK.test(host)) throw new Error(`${host} is not on this machine`)
  return realConnect.apply(this, args)
}

export async function run (work) {
  let text = ''
  for await (const chunk of process.stdin) text += chunk
  const value = await work(JSON.parse(text))
  // Clients keep timers for their caches: nothing else is waited for.
  process.stdout.write(`${JSON.stringify(value ?? null)}\n`, () => process.exit(0))
}

// What a call returned or threw, so that Python can look at both.
export async function outcome (promise) {
  try {
    return { returned: await promise }
  } catch (error) {
    return { threw: String(error?.message ?? error), name: String(error?.name) }
  }
}

export const json = (value, status = 200) =>
  new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } })
