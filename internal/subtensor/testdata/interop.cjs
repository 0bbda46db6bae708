// What polkadot.js does against a node: node interop.cjs ENDPOINT, with NODE_PATH naming the node_modules that hold @polkadot/api.
// Decodes every runtime API of the subnets and the block's events, sets a commitment and weights, follows heads and finality, and prints
// one JSON object with what it saw.
const { ApiPromise, WsProvider, Keyring } = require('@polkadot/api');

const seed = (n) => { const s = new Uint8Array(32); s[0] = n; s.set(Buffer.from('node'), 1); return s; };

async function main() {
  const out = {};
  const api = await ApiPromise.create({ provider: new WsProvider(process.argv[2]), noInitWarn: true });
  out.spec = api.runtimeVersion.specVersion.toNumber();
  out.slot = api.consts.aura.slotDuration.toNumber();
  const header = await api.rpc.chain.getHeader();
  out.hash = [header.hash.toHex(), (await api.rpc.chain.getBlockHash(header.number.toNumber())).toHex()];

  const subnet = api.call.subnetInfoRuntimeApi;
  const all = Array.from({ length: 74 }, (_, i) => i);
  out.apis = {};
  const apis = {
    metagraph: () => subnet.getMetagraph(1), mechagraph: () => subnet.getMechagraph(1, 0), metagraphs: () => subnet.getAllMetagraphs(),
    mechagraphs: () => subnet.getAllMechagraphs(), selective: () => subnet.getSelectiveMetagraph(1, all),
    selectiveMech: () => subnet.getSelectiveMechagraph(1, 0, all), few: () => subnet.getSelectiveMechagraph(1, 0, [52, 57]),
    state: () => subnet.getSubnetState(1), hyper: () => subnet.getSubnetHyperparams(1), hyper2: () => subnet.getSubnetHyperparamsV2(1),
    info: () => subnet.getSubnetInfo(1), info2: () => subnet.getSubnetInfoV2(1), infos: () => subnet.getSubnetsInfo(),
    infos2: () => subnet.getSubnetsInfoV2(), dynamic: () => subnet.getDynamicInfo(1), dynamics: () => subnet.getAllDynamicInfo(),
    absent: () => subnet.getMetagraph(77), neurons: () => api.call.neuronInfoRuntimeApi.getNeurons(1),
    lite: () => api.call.neuronInfoRuntimeApi.getNeuronsLite(1), neuron: () => api.call.neuronInfoRuntimeApi.getNeuron(1, 1),
    neuronLite: () => api.call.neuronInfoRuntimeApi.getNeuronLite(1, 1),
    version: () => api.call.core.version(), versions: () => api.call.metadata.metadataVersions(), slot: () => api.call.auraApi.slotDuration(),
    price: () => api.call.swapRuntimeApi.currentAlphaPrice(1), sim: () => api.call.swapRuntimeApi.simSwapTaoForAlpha(1, 5),
    cost: () => api.call.subnetRegistrationRuntimeApi.getNetworkRegistrationCost(),
  };
  const keys = new Keyring({ type: 'sr25519', ss58Format: 42 });
  const validator = keys.addFromSeed(seed(1));
  const coldkey = keys.addFromSeed(seed(100));
  apis.stakes = () => api.call.stakeInfoRuntimeApi.getStakeInfoForColdkey(coldkey.address);
  for (const [name, ask] of Object.entries(apis)) {
    const answer = await ask();
    // a decoder that stops early or goes on too long shows when the value is encoded again
    out.apis[name] = answer.toJSON();
  }
  out.hotkeys = out.apis.selectiveMech.hotkeys;

  // every constant and every stored value decodes
  out.stored = 0;
  for (const pallet of ['subtensorModule', 'commitments', 'drand', 'system', 'timestamp', 'balances']) {
    for (const [name, entry] of Object.entries(api.query[pallet])) {
      if (!entry.creator || name === 'palletVersion') continue;
      if (entry.creator.meta.type.isMap) {
        for (const [k, v] of await entry.entries()) { k.toHuman(); v.toHuman(); out.stored++; }
      } else { (await entry()).toHuman(); out.stored++; }
    }
  }

  const submit = (tx, signer) => new Promise((resolve, reject) => {
    const seen = [];
    tx.signAndSend(signer, (r) => {
      seen.push(r.status.type);
      if (r.status.isFinalized) resolve({ seen, events: r.events.map((e) => e.event.section + '.' + e.event.method), error: r.dispatchError ? api.registry.findMetaError(r.dispatchError.asModule).name : null });
      if (r.isError) reject(new Error(r.status.type));
    }).catch(reject);
  });
  out.commitment = await submit(api.tx.commitments.setCommitment(1, { fields: [{ Raw18: 'written by the SDK' }] }), validator);
  out.readBack = (await api.query.commitments.commitmentOf(1, validator.address)).toHuman();
  out.weights = await submit(api.tx.subtensorModule.setWeights(1, [2, 3], [100, 50], 0), validator);
  out.early = await submit(api.tx.subtensorModule.setWeights(1, [2, 3], [100, 50], 0), validator);
  out.stored_weights = (await api.query.subtensorModule.weights(1, 1)).toJSON();
  out.register = await submit(api.tx.subtensorModule.burnedRegister(1, keys.addFromSeed(seed(50)).address), coldkey);
  out.fee = (await api.tx.balances.transferKeepAlive(validator.address, 1000).paymentInfo(coldkey)).partialFee.toNumber();
  const heads = [];
  const off = await api.rpc.chain.subscribeNewHeads((h) => heads.push(h.number.toNumber()));
  while (heads.length < 3) await new Promise((r) => setTimeout(r, 20));
  off();
  out.heads = heads.slice(0, 3);
  await api.disconnect();
  console.log(JSON.stringify(out));
  process.exit(0);
}
main().catch((e) => { console.error(e); process.exit(1); });
