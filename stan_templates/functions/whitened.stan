/* Multivariate Student density of residuals that were made uncorrelated, with scale 1. */
real student_whitened_lpdf(vector z, real nu) {
  int n = num_elements(z);
  real constant = lgamma(0.5 * (nu + n)) - lgamma(0.5 * nu) - 0.5 * n * log(nu * pi());
  return constant - 0.5 * (nu + n) * log1p(dot_self(z) / nu);
}
