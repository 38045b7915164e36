export { readModelFile as loadModel } from '@swinface/core/node';
