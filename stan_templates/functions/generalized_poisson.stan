/* Generalised Poisson of Consul & Jain (1973, doi:10.1080/00401706.1973.10489112) with mean mu and
 * variance mu * phi, phi > 1.
 */
real generalized_poisson_lpmf(int y, real mu, real phi) {
  real theta = mu / sqrt(phi);
  real lambda = 1 - 1 / sqrt(phi);
  real level = theta + lambda * y;
  return log(theta) + (y - 1) * log(level) - level - lgamma(y + 1);
}
