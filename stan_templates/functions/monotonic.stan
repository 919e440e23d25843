/* Monotonic effect of Buerkner & Charpentier (2020, doi:10.1111/bmsp.12195): J times the share of
 * the steps up to each category.
 * Args:
 *   simo: shares of the J steps, a simplex
 *   x: categories, from 0
 */
vector monotonic(vector simo, array[] int x) {
  int J = size(simo);
  vector[J + 1] height = append_row(0, J * cumulative_sum(simo));
  vector[size(x)] out;
  for (n in 1:size(x)) {
    out[n] = height[x[n] + 1];
  }
  return out;
}
