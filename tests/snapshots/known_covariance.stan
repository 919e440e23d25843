// y ~ x + fcor(V)
// sigma ~ z
// family gaussian (links mu: identity, sigma: log)
functions {
  /* Multivariate Student density of residuals that were made uncorrelated, with scale 1. */
  real student_whitened_lpdf(vector z, real nu) {
    int n = num_elements(z);
    real constant = lgamma(0.5 * (nu + n)) - lgamma(0.5 * nu) - 0.5 * n * log(nu * pi());
    return constant - 0.5 * (nu + n) * log1p(dot_self(z) / nu);
  }
}
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  int<lower=1> K_sigma;  // population-level columns
  int<lower=1> Kc_sigma;  // centred columns, without the intercept
  matrix[N, K_sigma] X_sigma;  // design of z
  vector[Kc_sigma] means_X_sigma;  // column means of X
  matrix[N, N] Mfcor;  // covariance of the residuals, V
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_Intercept_sigma;  // scale of the default prior of Intercept_sigma
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
  matrix[N, Kc_sigma] Xc_sigma = X_sigma[, 2:K_sigma] - rep_matrix(means_X_sigma', N);  // centred design
  matrix[N, N] Lfcor = cholesky_decompose(Mfcor);
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  vector[Kc_sigma] b_sigma;  // population-level effects of sigma
  real Intercept_sigma;  // intercept of the centred design of sigma
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(Intercept_sigma | 3, 0, prior_scale_Intercept_sigma);
}
model {
  if (!prior_only) {
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x
    vector[N] sigma = rep_vector(Intercept_sigma, N);
    sigma += Xc_sigma * b_sigma;  // z
    sigma = exp(sigma);
    target += std_normal_lpdf(mdivide_left_tri_low(Lfcor, (Y - mu) ./ sigma) |) - sum(log(diagonal(Lfcor))) - sum(log(sigma));  // y ~ gaussian with fcor(V)
  }
  target += lprior;
}
