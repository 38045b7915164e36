import * as swinface from 'swinface';

Object.assign(globalThis, swinface);
