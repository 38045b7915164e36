'use client';
import { createComponent, type EventName } from '@lit/react';
import React from 'react';
import type { ErrorDetail, ExplanationDetail, FacesDetail, StateDetail } from './events.js';
import { SwinFaceElement } from './index.js';

/**
 * `<swin-face>` for React: attributes and properties as props, `onState`, `onFaces`, `onExplanation` and
 * `onError` for its events, slots as
 * children with a `slot` attribute, a `ref` to the element.
 *
 * @example
 * <SwinFace model="/models/swinface-mobile.json" onFaces={({ detail }) => setFaces(detail.faces)} />
 */
export const SwinFace = createComponent({
  react: React,
  tagName: 'swin-face',
  elementClass: SwinFaceElement,
  events: {
    onState: 'swin-state' as EventName<CustomEvent<StateDetail>>,
    onFaces: 'swin-faces' as EventName<CustomEvent<FacesDetail>>,
    onExplanation: 'swin-explanation' as EventName<CustomEvent<ExplanationDetail>>,
    onError: 'swin-error' as EventName<CustomEvent<ErrorDetail>>,
  },
});
