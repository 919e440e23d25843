/* Lognormal density behind a shift.
 * Args:
 *   y: response
 *   mu, sigma: mean and standard deviation of log(y - ndt)
 *   ndt: shift
 */
real shifted_lognormal_lpdf(real y, real mu, real sigma, real ndt) {
  return y <= ndt ? negative_infinity() : lognormal_lpdf(y - ndt | mu, sigma);
}
real shifted_lognormal_lcdf(real y, real mu, real sigma, real ndt) {
  return y <= ndt ? negative_infinity() : lognormal_lcdf(y - ndt | mu, sigma);
}
real shifted_lognormal_lccdf(real y, real mu, real sigma, real ndt) {
  return y <= ndt ? 0 : lognormal_lccdf(y - ndt | mu, sigma);
}
