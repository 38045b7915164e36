/** The worker that does an analyzer's work; started by `FaceAnalyzer.create`, never imported by a page. */
import { expose } from 'comlink';
import { AnalyzerService } from './worker/service.js';

expose(new AnalyzerService());
