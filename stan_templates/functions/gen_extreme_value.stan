/* Generalised extreme value density (Jenkinson 1955, doi:10.1002/qj.49708134804).
 * With t = log(1 + xi (y - mu) / sigma) / xi, or (y - mu) / sigma at xi = 0, P(Y <= y) = exp(-exp(-t)).
 * Args:
 *   y: response
 *   mu: location
 *   sigma: scale
 *   xi: shape
 */
real gen_extreme_value_t(real y, real mu, real sigma, real xi) {
  real x = (y - mu) / sigma;
  return xi == 0 ? x : log1p(xi * x) / xi;
}
real gen_extreme_value_lpdf(real y, real mu, real sigma, real xi) {
  if (1 + xi * (y - mu) / sigma <= 0) {
    return negative_infinity();
  }
  real t = gen_extreme_value_t(y, mu, sigma, xi);
  return -log(sigma) - (1 + xi) * t - exp(-t);
}
real gen_extreme_value_lcdf(real y, real mu, real sigma, real xi) {
  if (1 + xi * (y - mu) / sigma <= 0) {
    return xi > 0 ? negative_infinity() : 0;
  }
  return -exp(-gen_extreme_value_t(y, mu, sigma, xi));
}
real gen_extreme_value_lccdf(real y, real mu, real sigma, real xi) {
  if (1 + xi * (y - mu) / sigma <= 0) {
    return xi > 0 ? 0 : negative_infinity();
  }
  return log1m_exp(-exp(-gen_extreme_value_t(y, mu, sigma, xi)));
}
