/* Asymmetric Laplace density (Yu & Zhang 2005, doi:10.1080/03610920500199018).
 * Args:
 *   y: response
 *   mu: its quantile of the probability `quantile`
 *   sigma: scale
 *   quantile: probability, between 0 and 1
 */
real asym_laplace_lpdf(real y, real mu, real sigma, real quantile) {
  real z = (y - mu) / sigma;
  real loss = z < 0 ? (quantile - 1) * z : quantile * z;
  return log(quantile) + log1m(quantile) - log(sigma) - loss;
}
real asym_laplace_lcdf(real y, real mu, real sigma, real quantile) {
  real z = (y - mu) / sigma;
  if (z < 0) {
    return log(quantile) + (1 - quantile) * z;
  }
  return log1m((1 - quantile) * exp(-quantile * z));
}
real asym_laplace_lccdf(real y, real mu, real sigma, real quantile) {
  real z = (y - mu) / sigma;
  if (z < 0) {
    return log1m(quantile * exp((1 - quantile) * z));
  }
  return log1m(quantile) - quantile * z;
}
