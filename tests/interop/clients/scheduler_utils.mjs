// {node, process} -> what ao-scheduler-utils finds out about a scheduler and a process of it.
import { outcome, run, standInFor } from './script.mjs'
import { GRAPHQL_URL, legacyWorld } from './world.mjs'

const { connect } = await import('@permaweb/ao-scheduler-utils')

await run(async ({ node, process }) => {
  standInFor(...legacyWorld(node))
  const fresh = (options) => connect({ GRAPHQL_URL, ...options })
  return {
    valid: await fresh().validate(node.address),
    invalid: await outcome(fresh().validate(process)),
    raw: await fresh().raw(node.address),
    located: await fresh().locate(process),
    withHint: await fresh().locate(process, node.address),
    followed: await fresh({ followRedirects: true }).locate(process, node.address)
  }
})
