import { FaceAnalyzer } from 'swinface';

Object.assign(globalThis, { FaceAnalyzer });
