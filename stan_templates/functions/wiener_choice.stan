/* Response time and decision of a Wiener process with drift between two boundaries.
 * Args:
 *   y: response time
 *   bs: distance of the boundaries
 *   ndt: non-decision time
 *   bias: starting point as a share of bs
 *   mu: drift
 *   decision: 1 at the upper boundary, 0 at the lower one, whose density is that of the mirror image
 */
real wiener_choice_lpdf(real y, real bs, real ndt, real bias, real mu, int decision) {
  if (decision == 1) {
    return wiener_lpdf(y | bs, ndt, bias, mu);
  }
  return wiener_lpdf(y | bs, ndt, 1 - bias, -mu);
}
