/* Ordered beta density (Kubinec 2023, doi:10.1017/pan.2022.20): an ordered logit model for 0,
 * between, and 1, and a beta density between.
 * Args:
 *   y: response
 *   mu, phi: mean and precision of the beta density
 *   low, high: cutpoints on the logit scale of mu
 */
real ordbeta_lpdf(real y, real mu, real phi, real low, real high) {
  real eta = logit(mu);
  if (y == 0) {
    return log_inv_logit(low - eta);
  }
  if (y == 1) {
    return log_inv_logit(eta - high);
  }
  return log_diff_exp(log_inv_logit(eta - low), log_inv_logit(eta - high))
         + beta_lpdf(y | mu * phi, (1 - mu) * phi);
}
