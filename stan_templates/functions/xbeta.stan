/* Extended-support beta density (Kosmidis & Zeileis 2024, arXiv:2409.07233): a beta variable on
 * (-u, 1 + u), of which only the part between 0 and 1 is seen.
 * Args:
 *   y: response
 *   a, b: shapes of the beta variable
 *   u: how far its support reaches beyond 0 and 1
 */
real xbeta_lpdf(real y, real a, real b, real u) {
  real width = 1 + 2 * u;
  if (y == 0) {
    return beta_lcdf(u / width | a, b);
  }
  if (y == 1) {
    return beta_lccdf((1 + u) / width | a, b);
  }
  return beta_lpdf((y + u) / width | a, b) - log(width);
}
