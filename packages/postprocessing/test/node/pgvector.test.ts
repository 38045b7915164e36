import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { InvalidInputError } from '@swinface/core';
import { Gallery } from '@swinface/postprocessing';
import { type PgClient, PgVectorIndex } from '@swinface/postprocessing/pgvector';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../support/random.js';

const manifest = { id: 'm', config: { feature: 16 }, calibration: { verification: [] } };
const random = new Random(1);
const face = (model = 'm', length = 16) => ({ model, embedding: Float32Array.from(random.direction(length)) });

describe('PgVectorIndex in PostgreSQL', () => {
  let database: PGlite;
  let index: PgVectorIndex;
  beforeAll(async () => {
    database = await PGlite.create({ extensions: { vector } });
    // A whole PostgreSQL sets itself up in WebAssembly.
  }, 120_000);
  afterAll(() => database?.close());
  beforeEach(async () => {
    await database.query('DROP TABLE IF EXISTS faces');
    index = new PgVectorIndex(database, manifest);
    await index.createTable();
  });

  it('finds what a gallery in memory finds', async () => {
    const gallery = new Gallery(manifest);
    for (let i = 0; i < 200; i++) {
      const one = face();
      gallery.add(`face ${i}`, one);
      await index.add(`face ${i}`, one);
    }
    for (const k of [1, 5, 300]) {
      const query = face();
      const [expected, found] = [gallery.search(query, k), await index.search(query, k)];
      expect(found.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
      // pgvector sums squares in float32.
      found.forEach(({ similarity }, i) => {
        expect(similarity).toBeCloseTo(expected[i]?.similarity ?? Number.NaN, 5);
      });
    }
    await index.createApproximateIndex();
    const query = face();
    expect((await index.search(query, 1))[0]?.id).toBe(gallery.search(query, 1)[0]?.id);
  });

  it('adds once, removes, and can be set up again', async () => {
    const average = { ...face(), agreement: 0.75 };
    await index.add('ada', average);
    expect(await index.search(average)).toEqual([{ id: 'ada', similarity: expect.closeTo(1, 5), agreement: 0.75 }]);
    await expect(index.add('ada', face())).rejects.toThrow(/id of its own/);
    await index.createTable();
    expect(await index.remove('ada')).toBe(true);
    expect(await index.remove('ada')).toBe(false);
    expect(await index.search(face())).toEqual([]);
  });

  it('keeps models apart', async () => {
    const other = new PgVectorIndex(database, { ...manifest, id: 'n' });
    await index.add('ada', face());
    await other.add('ada', face('n'));
    expect(await index.search(face())).toHaveLength(1);
    await expect(index.search(face('n'))).rejects.toThrow(/different models/);
    await expect(index.add('grace', face('n'))).rejects.toThrow(/different models/);
    expect(await index.remove('ada')).toBe(true);
    expect(await other.search(face('n'))).toHaveLength(1);
  });

  it('finds the nearest of each model by approximate indexes, as many as were asked for', async () => {
    const [id, count, k] = ["other's \\ model", 600, 150];
    const other = new PgVectorIndex(database, { ...manifest, id });
    const galleries = new Map([index, other].map((one) => [one, new Gallery({ ...manifest, id: one.model })]));
    // All of one model lie about one direction, all of the other about the opposite one.
    const centre = random.direction(16);
    for (const [one, gallery] of galleries) {
      const sign = one === index ? 1 : -1;
      const values: string[] = [];
      for (let i = 0; i < count; i++) {
        const embedding = Float32Array.from(random.direction(16), (x, axis) => x / 2 + sign * (centre[axis] ?? 0));
        gallery.add(`face ${i}`, { model: one.model, embedding });
        values.push(`($1, 'face ${i}', '[${embedding.join()}]', 1)`);
      }
      await database.query(`INSERT INTO faces (model, id, embedding, agreement) VALUES ${values.join()}`, [one.model]);
    }
    for (const one of galleries.keys()) for (let twice = 0; twice < 2; twice++) await one.createApproximateIndex();
    const indexes = await database.query(
      "SELECT 1 FROM pg_indexes WHERE tablename = 'faces' AND indexdef LIKE '%hnsw%'",
    );
    expect(indexes.rows).toHaveLength(2);
    await database.query('ANALYZE faces');
    await database.query('SET enable_seqscan = off');
    await database.query('SET enable_bitmapscan = off');
    await database.query('SET enable_sort = off');
    for (const [one, gallery] of galleries) {
      // As near to one model's faces as to the other's.
      for (const embedding of [centre, centre.map((x) => -x), random.direction(16)]) {
        const query = { model: one.model, embedding: Float32Array.from(embedding) };
        const found = (await one.search(query, k)).map((match) => match.id);
        const exact = new Set(gallery.search(query, k).map((match) => match.id));
        expect(found).toHaveLength(k);
        // An approximate index misses some; one over both models, or 40 candidates, misses most.
        expect(found.filter((face) => exact.has(face)).length).toBeGreaterThan(0.9 * k);
      }
    }
    for (const setting of ['seqscan', 'bitmapscan', 'sort']) await database.query(`RESET enable_${setting}`);
    const { rows } = await database.query("SELECT current_setting('hnsw.ef_search') AS ef");
    expect(rows).toEqual([{ ef: '40' }]); // Nothing stays set behind a search.
  });

  it('takes ids for what they are: text', async () => {
    const ids = ["'; DROP TABLE faces; --", '$1', '\\', '"quoted"', 'naïve ✓'];
    for (const id of ids) await index.add(id, face());
    expect((await index.search(face(), 9)).map(({ id }) => id).sort()).toEqual([...ids].sort());
  });

  it('refuses embeddings of other lengths and its own misuse', async () => {
    await expect(index.add('short', face('m', 8))).rejects.toThrow(/16 numbers/);
    await expect(index.add('', face())).rejects.toThrow(InvalidInputError);
    await expect(index.search(face(), 0)).rejects.toThrow(InvalidInputError);
    await expect(index.add('none', { model: 'm' })).rejects.toThrow(/no embedding/);
  });
});

describe('PgVectorIndex', () => {
  /** Remembers statements and answers with rows. */
  const recorder = (rows: readonly unknown[] = []) => {
    const statements: { text: string; values: readonly unknown[] }[] = [];
    const client: PgClient = {
      query: async (text, values = []) => {
        statements.push({ text, values });
        return { rows };
      },
    };
    return { client, statements };
  };

  it('passes every value as a parameter', async () => {
    const { client, statements } = recorder([{ id: 'a', similarity: 0.5, agreement: 1 }]);
    const index = new PgVectorIndex(client, { ...manifest, id: 'SECRET model' }, { table: 'private.people' });
    const query = { model: 'SECRET model', embedding: Float32Array.from({ length: 16 }, (_, i) => (i === 3 ? 1 : 0)) };
    await index.add('SECRET id', query);
    await index.remove('SECRET id');
    await index.search(query, 7);
    for (const { text } of statements) {
      expect(text).not.toMatch(/SECRET|0,1/);
      expect(text).toContain('"private"."people"');
    }
    const text = '[0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0]';
    expect(statements.map(({ values }) => values)).toEqual([
      ['SECRET model', 'SECRET id', text, 1],
      ['SECRET model', 'SECRET id'],
      ['SECRET model', text, 7, '100'],
    ]);
  });

  it('takes only names for tables, and lengths that pgvector has', () => {
    const { client } = recorder();
    for (const table of ['', 'a b', 'faces; DROP TABLE x', 'a"b', 'a.b.c', '1a', 'x'.repeat(64)]) {
      expect(() => new PgVectorIndex(client, manifest, { table }), table).toThrow(/name of a table/);
    }
    for (const feature of [0, 1.5, 2001, Number.NaN]) {
      expect(() => new PgVectorIndex(client, { ...manifest, config: { feature } })).toThrow(InvalidInputError);
    }
  });

  it('trusts no rows and passes on what the client throws', async () => {
    const { client } = recorder([{ id: 1, similarity: '0.5', agreement: 1 }]);
    await expect(new PgVectorIndex(client, manifest).search(face())).rejects.toThrow(/something else/);
    const broken: PgClient = { query: () => Promise.reject(new Error('connection lost')) };
    await expect(new PgVectorIndex(broken, manifest).search(face())).rejects.toThrow('connection lost');
  });
});
