/* Inverse Gaussian density with mean mu and variance mu^3 / shape; the distribution function as
 * in Giner & Smyth (2016), The R Journal 8, 339-351.
 * Args:
 *   y: response
 *   mu: mean
 *   shape: shape
 */
real inv_gaussian_lpdf(real y, real mu, real shape) {
  return 0.5 * log(shape / (2 * pi())) - 1.5 * log(y)
         - 0.5 * shape * square((y - mu) / mu) / y;
}
real inv_gaussian_lcdf(real y, real mu, real shape) {
  if (y <= 0) {
    return negative_infinity();
  }
  real r = sqrt(shape / y);
  return log_sum_exp(std_normal_lcdf(r * (y / mu - 1) |),
                     2 * shape / mu + std_normal_lcdf(-r * (y / mu + 1) |));
}
real inv_gaussian_lccdf(real y, real mu, real shape) {
  if (y <= 0) {
    return 0;
  }
  real r = sqrt(shape / y);
  return log_diff_exp(std_normal_lcdf(r * (1 - y / mu) |),
                      2 * shape / mu + std_normal_lcdf(-r * (y / mu + 1) |));
}
