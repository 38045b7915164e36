/**
 * A position in pixels of an upright picture, continuous as on a canvas: (0, 0) is the top left corner of the top left
 * pixel, whose centre is (0.5, 0.5). Every coordinate of this SDK is of this kind: points, landmarks, boxes, transforms.
 */
export type Point = readonly [x: number, y: number];

/**
 * The five points that alignment is made from, in template order: image-left eye, image-right eye, nose tip,
 * image-left mouth corner, image-right mouth corner. "Image-left" is what is drawn on the left, also in a mirrored picture.
 */
export type FivePoints = readonly [Point, Point, Point, Point, Point];
