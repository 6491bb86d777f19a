// {urls} -> what happens to a script that asks for each URL, with fetch and with a bare socket.
import net from 'node:net'
import { outcome, run } from './script.mjs'

await run(async ({ urls }) => Promise.all(urls.map(async (url) => ({
  fetched: await outcome(fetch(url)),
  connected: await outcome(new Promise((resolve, reject) => {
    net.connect({ host: new URL(url).hostname, port: 9 }).on('error', reject).on('connect', resolve)
  }))
}))))
