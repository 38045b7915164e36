/**
 * Networks beside SwinFace: those that find faces, and the trunk with a face-recognition start. Apart from the rest, so that
 * a page loads only what it runs.
 */
export {
  type AnchorLevel,
  BLAZEFACE_BOX,
  BLAZEFACE_LEVELS,
  BLAZEFACE_SIDE,
  type BlazeFaceLevel,
  type BlazeFaceRange,
  blazeFace,
  blazeFaceNetwork,
} from '../networks/blazeface.js';
export {
  FACE_MESH_POINTS,
  FACE_MESH_SIDE,
  type FaceMeshOutputs,
  faceMesh,
  faceMeshNetwork,
} from '../networks/face-mesh.js';
export type { FeatureMap, TensorReader } from '../networks/layers.js';
export {
  MOBILEFACE_EMBEDDING,
  MOBILEFACE_SIDE,
  type MobileFaceOutputs,
  mobileFace,
  mobileFaceNetwork,
} from '../networks/mobileface.js';
export { type OpenNetworksOptions, RemoteNetworks } from '../weights/delivery/remote-networks.js';
export { type NetworkFiles, parseNetworkFiles, readNetworkFile } from '../weights/network-files.js';
