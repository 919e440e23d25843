// y ~ x + sar(W, type = "error")
// family student (links mu: identity)
functions {
  /* Residuals without what they share with their neighbours. */
  vector sar_filter(vector e, real rho, data matrix W) {
    return e - rho * (W * e);
  }
  /* Log determinant of I - rho W from the eigenvalues of W (Ord 1975), real and imaginary parts. */
  real sar_log_det(real rho, data vector real_part, data vector imaginary) {
    return 0.5 * sum(log(square(1 - rho * real_part) + square(rho * imaginary)));
  }
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
  matrix[N, N] Msar;  // spatial weights, W
  vector[N] eigenMsar;  // real parts of their eigenvalues
  vector[N] eigenMsar_im;  // imaginary parts
  real min_eigenMsar;  // lower bound of errorsar
  real max_eigenMsar;  // upper bound of errorsar
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  real<lower=min_eigenMsar, upper=max_eigenMsar> errorsar;  // spatial correlation of residuals
  real<lower=0> sigma;  // sigma of the student family
  real<lower=1> nu;  // nu of the student family
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
  lprior += gamma_lpdf(nu | 2, 0.1) - gamma_lccdf(1 | 2, 0.1);
}
model {
  if (!prior_only) {
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x
    target += student_whitened_lpdf(sar_filter(Y - mu, errorsar, Msar) / sigma | nu) + sar_log_det(errorsar, eigenMsar, eigenMsar_im) - N * log(sigma);  // y ~ student with sar(W, type = "error")
  }
  target += lprior;
}
