/**
 * The item at an index that must be there.
 *
 * @throws {RangeError} if it is not: a mistake of this code, never of its caller's input
 */
export function at<T>(items: ArrayLike<T>, index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`There is no item ${index} of ${items.length}`);
  return item;
}
