/** Cache Storage for Node, as far as the models' cache uses it: what is put comes back, whole. */
export class MemoryCaches {
  readonly entries = new Map<string, { readonly body: Uint8Array<ArrayBuffer>; readonly headers: Headers }>();

  async open(): Promise<Pick<Cache, 'match' | 'put' | 'delete' | 'keys'>> {
    const { entries } = this;
    const key = (request: RequestInfo | URL) => (request instanceof Request ? request.url : String(request));
    return {
      match: async (request) => {
        const found = entries.get(key(request));
        return found && new Response(found.body, { headers: found.headers });
      },
      put: async (request, response) => {
        entries.set(key(request), { body: new Uint8Array(await response.arrayBuffer()), headers: response.headers });
      },
      delete: async (request) => entries.delete(key(request)),
      keys: async () => [...entries.keys()].map((url) => new Request(url)),
    };
  }
}
