import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RefusingProxy {
  /** Hosts that something was asked of, in order. */
  readonly asked: readonly string[];
  /** On 127.0.0.1. */
  readonly port: number;
  close(): void;
}

/**
 * A proxy that lets nothing through and remembers who was asked for. Everything that a browser sends to another host goes
 * through its proxy, whichever part sends it: pages, workers, libraries' wasm, beacons of a page that is gone, WebSockets.
 */
export async function refusingProxy(): Promise<RefusingProxy> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(new URL(request.url ?? '', 'http://unknown.invalid').hostname);
    response.writeHead(502).end();
  });
  server.on('connect', (request, socket) => {
    asked.push((request.url ?? '').replace(/:\d+$/, ''));
    socket.on('error', () => {});
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { asked, port, close };
}
