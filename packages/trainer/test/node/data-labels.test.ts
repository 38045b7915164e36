import { PRESETS, SUBNETS, selectOutputs } from '@swinface/core';
import { describe, expect, it } from 'vitest';
import { ClassLabels } from '../../src/data/class-labels.js';
import { ATTRIBUTE_TASKS, expressionDistribution, expressionMajority, softmaxTargets } from '../../src/data/labels.js';
import { parseSample } from '../../src/data/samples.js';
import { Classification } from '../../src/objectives/classification.js';
import { withHeads } from '../../src/tasks/heads.js';

const none = {
  neutral: 0,
  happiness: 0,
  surprise: 0,
  sadness: 0,
  anger: 0,
  disgust: 0,
  fear: 0,
  contempt: 0,
  unknown: 0,
  NF: 0,
};

describe('labels', () => {
  it('names every attribute as the network does', () => {
    const binary = SUBNETS.flatMap(({ tasks }) => tasks.map(({ name }) => name)).filter(
      (n) => n !== 'Age' && n !== 'Expression',
    );
    expect([...ATTRIBUTE_TASKS].sort()).toEqual(binary.sort());
  });

  it('turns votes into a distribution in the order of the logits', () => {
    // surprise, fear, disgust, happiness, sadness, anger, neutral
    expect(expressionDistribution({ ...none, neutral: 4, sadness: 1, anger: 3, disgust: 2 })).toEqual([
      0, 0, 0.2, 0, 0.1, 0.3, 0.4,
    ]);
  });

  it('drops votes for other answers, and samples where they win or tie', () => {
    expect(expressionDistribution({ ...none, happiness: 3, fear: 1, contempt: 2 })).toEqual([
      0, 0.25, 0, 0.75, 0, 0, 0,
    ]);
    expect(expressionDistribution({ ...none, happiness: 3, contempt: 4 })).toBeUndefined();
    expect(expressionDistribution({ ...none, happiness: 4, NF: 4 })).toBeUndefined();
    expect(expressionDistribution({ ...none, unknown: 10 })).toBeUndefined();
  });

  it('finds the majority, unless two share it', () => {
    expect(expressionMajority({ ...none, surprise: 5, fear: 4 })).toBe(0);
    expect(expressionMajority({ ...none, surprise: 5, fear: 5 })).toBeUndefined();
  });

  it("trains race where it is one of the head's classes, and nothing where it is not", () => {
    const of = (race: string) => softmaxTargets({ key: 'k', file: 'f', points: null, race });
    expect(of('asian').get('Race')).toEqual([0, 0, 1, 0, 0]);
    expect(of('martian').size).toBe(0);
    const labels = new ClassLabels(2);
    labels.set(1, { key: 'k', file: 'f', points: null, race: 'other' });
    const config = withHeads(PRESETS['swinface-nano'], {
      heads: ['race'],
      age: { method: 'regression', ranks: 101 },
    });
    const objective = new Classification(selectOutputs(config, ['Race']), 0);
    const { feeds, labelled } = objective.feed({ count: 2, images: new Float32Array(), ...labels });
    expect(labelled).toEqual([1]);
    expect([...(feeds['softmax5.target']?.data ?? [])]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect([...(feeds['softmax5.weight']?.data ?? [])]).toEqual([0, 1]);
  });

  it('reads targets as [no, yes] and [female, male]', () => {
    const attributes = `1${'0'.repeat(19)}1${'0'.repeat(18)}1`;
    const targets = softmaxTargets({ key: 'k', file: 'f', points: null, attributes });
    expect(targets.size).toBe(40);
    expect(targets.get("Five O'Clock Shadow")).toEqual([0, 1]);
    expect(targets.get('Gender')).toEqual([0, 1]);
    expect(targets.get('Young')).toEqual([0, 1]);
    expect(targets.get('Smiling')).toEqual([1, 0]);
    expect(softmaxTargets({ key: 'k', file: 'f', points: null, gender: 'female' }).get('Gender')).toEqual([1, 0]);
  });
});

describe('parseSample', () => {
  it('keeps the labels that are there', () => {
    const line =
      '{"key":"a","file":"a.webp","points":[[1,2],[3,4],[5,6],[7,8],[9,10]],"identity":7,"age":30,"split":"val"}';
    expect(parseSample(line, 'x:1')).toEqual({
      key: 'a',
      file: 'a.webp',
      points: [
        [1, 2],
        [3, 4],
        [5, 6],
        [7, 8],
        [9, 10],
      ],
      identity: '7',
      age: 30,
      split: 'val',
    });
  });

  it('takes null for absent', () => {
    const line = '{"key":"a","file":"f","age":null,"gender":null,"votes":null,"points":null,"identity":null}';
    expect(parseSample(line, 'x:1')).toEqual({ key: 'a', file: 'f', points: null });
  });

  it.each([
    ['{', /JSON/],
    ['{"key":"a"}', /`file`/],
    ['{"key":"a","file":"f","points":[[1,2]]}', /five/],
    ['{"key":"a","file":"f","age":-1}', /age/],
    ['{"key":"a","file":"f","attributes":"01"}', /40 characters/],
    ['{"key":"a","file":"f","gender":"m"}', /gender/],
    ['null', /JSON object/],
    ['7', /JSON object/],
    ['[]', /JSON object/],
    ['{"key":"","file":"f"}', /`key`/],
    ['{"key":"a","file":7}', /`file`/],
    ['{"key":"a","file":"f","shard":[]}', /shard/],
    ['{"key":"a","file":"f","split":1}', /split/],
    ['{"key":"a","file":"f","age":999}', /age/],
    ['{"key":"a","file":"f","race":{}}', /race/],
    ['{"key":"a","file":"f","identity":{}}', /identity/],
    ['{"key":"a","file":"f","number":"1"}', /number/],
    ['{"key":"a","file":"f","points":[[1,2],[3,4],[5,6],[7,8],[9,1e300]]}', /points/],
    ['{"key":"a","file":"f","votes":[1,2]}', /votes/],
    ['{"key":"a","file":"f","votes":{"hapiness":3}}', /votes/],
    ['{"key":"a","file":"f","landmarks":[1,2]}', /landmarks/],
  ])('refuses %s', (line, message) => {
    expect(() => parseSample(line, 'list.jsonl:3')).toThrow(message);
    expect(() => parseSample(line, 'list.jsonl:3')).toThrow(/list\.jsonl:3/);
  });
});
