/** What the packages of this SDK share with each other. Not part of the public contract: it may change with any release. */
export { anySignal, untilAborted } from '../abort.js';
export { fetchAddress, pageAddress } from '../address.js';
export { at } from '../at.js';
export { pick } from '../networks/network.js';
export { Pacer } from '../pacer.js';
export { download } from '../weights/delivery/download.js';
export { fetchVerified } from '../weights/delivery/fetch-verified.js';
export { encodeFloat16 } from '../weights/float16.js';
export { type ExpectedFile, verifyFile } from '../weights/verify.js';
