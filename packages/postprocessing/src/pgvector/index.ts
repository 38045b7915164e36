/**
 * Known faces in PostgreSQL with the pgvector extension, for galleries that outgrow memory or are shared.
 *
 * @module
 */
import { embeddingLength, InvalidInputError } from '@swinface/core';
import { describeValue, isObject, requireInput } from '@swinface/geometry';
import { requireOptions } from '../checked.js';
import { checkCount, takenId, vectorFor } from '../face-index.js';
import { requireRecognisable } from '../recognisability.js';
import { agreementOf } from '../threshold.js';
import type { Embedded, FaceIndex, GalleryMatch, GalleryModel } from '../types.js';

/** What is needed of a PostgreSQL client; `Pool` and `Client` of `pg` are such, and so is PGlite. */
export interface PgClient {
  /** Runs one statement; `$1`, `$2` ... in it stand for the values. */
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/** Options of {@link PgVectorIndex}. */
export interface PgVectorOptions {
  /** Table to use, `name` or `schema.name`. Default `faces`. */
  readonly table?: string;
}

/** An identifier that PostgreSQL keeps whole. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;
/** pgvector indexes no longer vectors. */
const MOST_DIMENSIONS = 2000;

/**
 * A {@link FaceIndex} in a table of PostgreSQL. Searches are exact until `createApproximateIndex` was called. Faces of
 * several models may share a table if their embeddings are equally long; each index sees those of its own model only.
 *
 * @example
 * const index = new PgVectorIndex(new pg.Pool(), manifest, { table: 'visitors' });
 * await index.createTable();
 * await index.add('ada', enrol(shots, manifest.calibration));
 * const [best] = await index.search(face, 1);
 */
export class PgVectorIndex implements FaceIndex {
  readonly model: string;
  /** Length of an embedding. */
  readonly dimensions: number;
  readonly #client: PgClient;
  readonly #table: string;

  /**
   * @param client stays the caller's, who closes it
   * @param model the manifest of the model
   * @throws {InvalidInputError} if client or model are none, the table's name is not made of letters, digits and underscores, or the embeddings are
   *   longer than pgvector can index
   */
  constructor(client: PgClient, model: Omit<GalleryModel, 'calibration'>, options: PgVectorOptions = {}) {
    const isClient = isObject(client) && typeof client.query === 'function';
    requireInput(isClient, 'The argument "client"', 'a client of PostgreSQL with `query`', client);
    requireInput(isObject(model) && isObject(model.config), 'The argument "model"', 'the manifest of a model', model);
    requireOptions(options);
    const { id, config } = model;
    requireInput(typeof id === 'string' && id !== '', 'The id of a model', 'a string that is not empty', id);
    const { table = 'faces' } = options as PgVectorOptions;
    requireInput(typeof table === 'string', 'The option "table"', 'the name of a table', table);
    const parts = table.split('.');
    if (parts.length > 2 || !parts.every((part) => NAME.test(part))) {
      throw new InvalidInputError('This cannot be the name of a table.', {
        expected: 'NAME or SCHEMA.NAME of letters, digits and underscores',
        actual: JSON.stringify(table),
      });
    }
    const length = embeddingLength(config);
    if (!Number.isInteger(length) || length < 1 || length > MOST_DIMENSIONS) {
      throw new InvalidInputError('pgvector cannot hold embeddings of this length.', {
        expected: `1 to ${MOST_DIMENSIONS} numbers`,
        actual: describeValue(length),
      });
    }
    this.#client = client;
    this.model = id;
    this.dimensions = length;
    this.#table = parts.map((part) => `"${part}"`).join('.');
  }

  /**
   * Creates extension and table where they are missing; the extension needs a user who may.
   *
   * @throws what the client throws, e.g. where pgvector is not installed
   */
  async createTable(): Promise<void> {
    await this.#client.query('CREATE EXTENSION IF NOT EXISTS vector');
    // The length is a checked integer: types take no parameters.
    await this.#client.query(
      `CREATE TABLE IF NOT EXISTS ${this.#table} (
        model text NOT NULL, id text NOT NULL, embedding vector(${this.dimensions}) NOT NULL,
        agreement double precision NOT NULL, PRIMARY KEY (model, id))`,
    );
  }

  /**
   * Creates an HNSW index for this model's faces where there is none: searches take milliseconds among millions, but may
   * miss some of the nearest. Each model that shares the table needs its own, since an index over all would give a search
   * the nearest of any model, and few or none of the one that was asked for. Needs pgvector 0.8 or later.
   *
   * @throws what the client throws
   */
  async createApproximateIndex(): Promise<void> {
    // A statement that defines something takes no parameters, so PostgreSQL itself is asked to quote the model's name.
    const { rows } = await this.#client.query(
      `SELECT format('CREATE INDEX IF NOT EXISTS %I ON ${this.#table} USING hnsw (embedding vector_cosine_ops)
        WHERE model = %L', 'swinface_hnsw_' || md5($2::text || $1::text), $1::text) AS statement`,
      [this.model, this.#table],
    );
    const { statement } = rows[0] as { readonly statement: string };
    await this.#client.query(statement);
  }

  /** @throws also what the client throws */
  async add(id: string, face: Embedded): Promise<void> {
    if (typeof id !== 'string' || id === '') throw takenId(id);
    const vector = vectorFor(this, face);
    requireRecognisable(face);
    const { rows } = await this.#client.query(
      `INSERT INTO ${this.#table} (model, id, embedding, agreement) VALUES ($1, $2, $3::vector, $4)
        ON CONFLICT DO NOTHING RETURNING id`,
      [this.model, id, vectorText(vector), agreementOf(face)],
    );
    if (rows.length === 0) throw takenId(id);
  }

  /** @throws what the client throws */
  async remove(id: string): Promise<boolean> {
    const { rows } = await this.#client.query(`DELETE FROM ${this.#table} WHERE model = $1 AND id = $2 RETURNING id`, [
      this.model,
      id,
    ]);
    return rows.length > 0;
  }

  /** @throws also what the client throws */
  async search(face: Embedded, k = 5): Promise<readonly GalleryMatch[]> {
    checkCount(k);
    // An approximate index looks at `ef_search` candidates, goes on for as long as fewer than k came, and is told so within
    // the one statement, as a pool's next may run elsewhere. The nearest refer to the settings, so that those come first.
    // `<=>` is one minus the cosine.
    const { rows } = await this.#client.query(
      `SELECT id, 1 - distance AS similarity, agreement FROM
        (SELECT set_config('hnsw.ef_search', $4, true) AS ef, set_config('hnsw.iterative_scan', 'strict_order', true)) AS settings
        CROSS JOIN LATERAL (SELECT id, embedding <=> $2::vector AS distance, agreement FROM ${this.#table}
          WHERE model = $1 AND settings.ef IS NOT NULL ORDER BY embedding <=> $2::vector, id LIMIT $3) AS nearest
        ORDER BY distance, id`,
      [this.model, vectorText(vectorFor(this, face)), k, String(candidates(k))],
    );
    return rows.map(matchOf);
  }
}

/** How many candidates an approximate search keeps: more than it is to give, within pgvector's bounds. */
const candidates = (k: number): number => Math.min(1000, Math.max(100, 2 * k));

/** As pgvector reads it. */
const vectorText = (vector: Float32Array): string => `[${vector.join(',')}]`;

function matchOf(row: unknown): GalleryMatch {
  const { id, similarity, agreement } = row as Record<string, unknown>;
  if (typeof id !== 'string' || typeof similarity !== 'number' || typeof agreement !== 'number') {
    throw new InvalidInputError('The database gave something else than matches.', {
      expected: 'rows of id (text), similarity and agreement (double precision)',
      actual: JSON.stringify(row),
      hint: 'Does another table bear this name?',
    });
  }
  return { id, similarity: Math.min(1, Math.max(-1, similarity)), agreement };
}
