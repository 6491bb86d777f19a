// A signer of arbundles for every signature type that it can sign, from the test keys.
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')
const MULTI_KEYS = 32

function base58 (bytes) {
  let number = BigInt(`0x${bytes.toString('hex')}`)
  let text = ''
  for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)] + text
  return '1'.repeat(bytes.findIndex((byte) => byte !== 0)) + text
}

function ed25519 (seedHex) {
  const seed = Buffer.from(seedHex, 'hex')
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_ED25519, seed]), format: 'der', type: 'pkcs8'
  })
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)
  return { key, publicKey, solana: base58(Buffer.concat([seed, publicKey])) }
}

export function makeSigners (arbundles, keys) {
  const pair = ed25519(keys.ed25519)
  const aptosWallet = {
    signMessage: async ({ message, nonce }) => ({
      signature: sign(null, Buffer.from(`APTOS\nmessage: ${message}\nnonce: ${nonce}`), pair.key)
        .toString('hex')
    })
  }
  // 32 places for keys, then how many of them have to sign: here the first and the third.
  const multiOwner = Buffer.concat([...Array(MULTI_KEYS).fill(pair.publicKey), Buffer.from([2])])
  const signTwice = async (message) => {
    const signature = sign(null, message, pair.key)
    return { signatures: [signature, signature], bitmap: [0, 2] }
  }
  return {
    arweave: new arbundles.ArweaveSigner(keys.jwk),
    ed25519: new arbundles.SolanaSigner(pair.solana),
    ethereum: new arbundles.EthereumSigner(keys.secp256k1),
    solana: new arbundles.HexSolanaSigner(pair.solana),
    aptos: new arbundles.InjectedAptosSigner(aptosWallet, pair.publicKey),
    multiaptos: new arbundles.MultiSignatureAptosSigner(multiOwner, signTwice),
    'typed-ethereum': new arbundles.TypedEthereumSigner(keys.secp256k1)
  }
}
