// Stand-ins for what a client of the legacy network finds around a scheduler: the gateway's
// GraphQL, the public router of schedulers, and a messenger unit.
import { json } from './script.mjs'

export const GRAPHQL_URL = 'http://gateway.test/graphql'
export const MU_URL = 'http://mu.test/'
// Written into ao-scheduler-utils; it answers 400 for a process that it does not know.
const ROUTER = 'https://su-router.ao-testnet.xyz'

const transactions = (...nodes) =>
  json({ data: { transactions: { edges: nodes.map((node) => ({ node })) } } })

// A gateway that knows one module, every process of one scheduler, and where that one is.
function gatewayOf ({ url, address }, moduleTags) {
  return async (_, init) => {
    const { transactionIds, owner } = JSON.parse(init.body).variables
    if (owner !== undefined && owner !== address) return transactions()
    const tags = owner !== undefined
      ? [{ name: 'Url', value: url }, { name: 'Time-To-Live', value: '3600000' }]
      : [...moduleTags, { name: 'Scheduler', value: address }]
    return transactions(...(transactionIds ?? [owner]).map(() => (
      { owner: { address }, block: null, tags }
    )))
  }
}

// A messenger unit as far as a scheduler sees one: it forwards, and needs {id, timestamp}.
function messengerOf ({ url }) {
  return async ({ search }, init) => {
    const reply = await fetch(`${url}/${search}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/octet-stream', Accept: 'application/json' },
      redirect: 'manual',
      body: init.body
    })
    if (!reply.ok) return json({ error: await reply.text() }, reply.status)
    const { id, timestamp } = await reply.json()
    if (typeof id !== 'string' || !Number.isFinite(Number(timestamp))) {
      return json({ error: 'the scheduler answered without id or timestamp' }, 500)
    }
    return json({ message: 'Processing DataItem', id }, 202)
  }
}

export function legacyWorld (node, moduleTags = []) {
  return [
    [GRAPHQL_URL, gatewayOf(node, moduleTags)],
    [MU_URL, messengerOf(node)],
    [ROUTER, async () => json({ error: 'NotFound("Process scheduler not found")' }, 400)]
  ]
}
